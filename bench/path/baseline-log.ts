import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node";

interface ApiAnswer {
  readonly seq?: number;
  readonly state?: { readonly last_seq: number };
  readonly error?: { readonly description: string };
}

const appendTimeoutMs = 10_000;

/** The engine as raw requests: streams that are appended to and republish what they store. */
export class BaselineLog {
  readonly #connection: NatsConnection;
  readonly #replicas: number;

  constructor(connection: NatsConnection, replicas: number) {
    this.#connection = connection;
    this.#replicas = replicas;
  }

  /** Makes the stream if need be; `last` is the sequence of its newest record. */
  async open(name: string): Promise<{ subject: string; last: number }> {
    const config = {
      name,
      subjects: [name],
      storage: "file",
      num_replicas: this.#replicas,
      duplicate_window: 1_000_000_000,
      republish: { src: name, dest: `tail.${name}` },
    };
    await this.#request(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify(config));
    const { state } = await this.#request(`$JS.API.STREAM.INFO.${name}`, "");
    return { subject: name, last: state?.last_seq ?? 0 };
  }

  async append(subject: string, data: string, expectedLast?: number): Promise<number> {
    const expected = headers();
    if (expectedLast !== undefined) {
      expected.set("Nats-Expected-Last-Sequence", String(expectedLast));
    }
    const reply = await this.#connection.request(subject, data, {
      timeout: appendTimeoutMs,
      ...(expectedLast !== undefined && { headers: expected }),
    });
    return checked(reply).seq ?? 0;
  }

  follow(subject: string, handle: (message: Msg) => void): void {
    this.#connection.subscribe(`tail.${subject}`, {
      callback: (error, message) => {
        if (error) throw error;
        handle(message);
      },
    });
  }

  async #request(subject: string, data: string): Promise<ApiAnswer> {
    return checked(await this.#connection.request(subject, data, { timeout: appendTimeoutMs }));
  }
}

function checked(reply: Msg): ApiAnswer {
  const answer = reply.json<ApiAnswer>();
  if (answer.error) throw new Error(answer.error.description);
  return answer;
}

/** Group commit: while one append of a stream is in flight, the next batch gathers. */
export class Batches<Item> {
  readonly #gate: Gate;
  readonly #commit: (batch: readonly Item[]) => Promise<void>;
  #waiting: Item[] = [];
  #busy = false;

  constructor(gate: Gate, commit: (batch: readonly Item[]) => Promise<void>) {
    this.#gate = gate;
    this.#commit = commit;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(item: Item): void {
    this.#waiting.push(item);
    if (!this.#busy) this.#gate.request(this);
  }

  async flush(): Promise<void> {
    // 500 items with 500 bytes of text, twice in a journal record, fit the payload limit of 1 MiB.
    const batch = this.#waiting.splice(0, 500);
    this.#busy = true;
    await this.#commit(batch);
    this.#busy = false;
    if (this.#waiting.length > 0) this.#gate.request(this);
  }
}

interface Flushable {
  readonly waiting: number;
  flush(): Promise<void>;
}

/** Bounds the appends in flight; the fullest batch goes first. */
export class Gate {
  readonly #capacity: number;
  readonly #ready = new Set<Flushable>();
  #inFlight = 0;
  #scheduled = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  request(batches: Flushable): void {
    this.#ready.add(batches);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#inFlight < this.#capacity && this.#ready.size > 0) {
      let fullest: Flushable | undefined;
      for (const each of this.#ready) {
        if (!fullest || each.waiting > fullest.waiting) fullest = each;
      }
      if (!fullest) return;
      this.#ready.delete(fullest);
      this.#inFlight += 1;
      void fullest.flush().finally(() => {
        this.#inFlight -= 1;
        this.#dispatch();
      });
    }
  }
}
