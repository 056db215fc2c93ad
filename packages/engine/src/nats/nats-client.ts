import { type HoldfastError, limits } from "@holdfast/core";
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import {
  type ApiAnswer,
  answeredError,
  forbiddenError,
  unansweredError,
  unavailable,
} from "./nats-errors.ts";

const requestTimeoutMs = 2_000;
/** A batch that may have to be read from disk gets one long try; what is lost sooner is asked again. */
const batchPatienceMs = 2 * requestTimeoutMs;
/** Another 404 says that the stream does not exist. */
const noMessageCode = 10_037;
const batchRecords = 512;
const batchBytes = 4 * 1024 * 1024;

/** A message of a stream as it is stored. */
export interface StoredRecord {
  readonly sequence: number;
  readonly subject: string;
  readonly data: Uint8Array;
}

export interface RecordBatch {
  readonly records: readonly StoredRecord[];
  readonly more: boolean;
}

export interface StreamBounds {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
}

export interface NatsClientOptions {
  /** Asked before each write: why it may not be tried. */
  readonly refusal?: (() => HoldfastError | undefined) | undefined;
  readonly inboxPrefix?: string | undefined;
  /** Streams have, or may have, several replicas. */
  readonly asksLeaders?: boolean;
}

/**
 * The few requests of the JetStream API that the adapters are made of. None of them needs a consumer: a
 * node goes on reading and writing while the cluster elects its metadata leader.
 */
export class NatsClient {
  readonly connection: NatsConnection;
  #connected = true;
  #closed = false;
  readonly #onReconnect = new Set<() => void>();
  readonly #waiting = new Set<() => void>();

  readonly #refusal: () => HoldfastError | undefined;
  readonly #inboxPrefix: string | undefined;
  #asksLeaders: boolean;

  constructor(connection: NatsConnection, options: NatsClientOptions = {}) {
    this.connection = connection;
    this.#refusal = options.refusal ?? (() => undefined);
    this.#inboxPrefix = options.inboxPrefix;
    this.#asksLeaders = options.asksLeaders ?? false;
    void this.#watchStatus();
  }

  get isConnected(): boolean {
    return this.#connected && !this.#closed;
  }

  get isClosed(): boolean {
    return this.#closed || this.connection.isClosed();
  }

  /**
   * Whether a read must be answered by the stream's leader. A single replica is its own leader, and its
   * direct answer comes even while the cluster elects its metadata leader.
   */
  get asksLeaders(): boolean {
    return this.#asksLeaders;
  }

  /** For good: a stream that once had several replicas is never read as if it had one. */
  askLeaders(): void {
    this.#asksLeaders = true;
  }

  /** Calls `run` after each reconnection, until the result is called. */
  onReconnect(run: () => void): () => void {
    this.#onReconnect.add(run);
    return () => this.#onReconnect.delete(run);
  }

  /** Stores one message. Errors: those of the `MessageLog` port. */
  async store(
    subject: string,
    data: Uint8Array,
    headers?: MsgHdrs,
    timeout: number = limits.appendTimeoutMs,
  ): Promise<number> {
    const what = `Write to ${subject}`;
    this.#assertConnected(what);
    const refusal = this.#refusal();
    if (refusal) throw refusal;
    let reply: Msg;
    try {
      const request = this.connection.request(subject, data, {
        timeout,
        ...(headers && { headers }),
      });
      reply = await this.#whileConnected(request);
    } catch (thrown) {
      throw unansweredError(thrown, what);
    }
    const answer = reply.json<ApiAnswer>();
    if (answer.error) throw answeredError(answer.error, what);
    if (typeof answer.seq !== "number") {
      throw unavailable(`${what}: the engine answered without a sequence.`);
    }
    return answer.seq;
  }

  /** A request of the JetStream API. Errors: `engine_unavailable` and those of `answeredError`. */
  async api<Answer>(
    endpoint: string,
    request: unknown,
    timeout = requestTimeoutMs,
  ): Promise<Answer & ApiAnswer> {
    const reply = await this.#request(`$JS.API.${endpoint}`, request, timeout);
    return reply.json<Answer & ApiAnswer>();
  }

  /** Errors: `engine_unavailable`, also when the stream does not exist. */
  async bounds(stream: string): Promise<StreamBounds> {
    const { state, error } = await this.#patiently((timeout) =>
      this.api<{ state?: { first_seq: number; last_seq: number; bytes: number } }>(
        `STREAM.INFO.${stream}`,
        {},
        timeout,
      ),
    );
    if (error) throw answeredError(error, `Look at stream ${stream}`);
    if (!state) throw unavailable(`Stream ${stream} has no state.`);
    return { first: Math.max(1, state.first_seq), last: state.last_seq, bytes: state.bytes };
  }

  async purge(stream: string, request: { seq?: number; filter?: string }): Promise<void> {
    const { error } = await this.api(`STREAM.PURGE.${stream}`, request);
    if (error) throw answeredError(error, `Truncate stream ${stream}`);
  }

  /** As the replica that answers knows it; exact with one replica. */
  async #directLast(stream: string, subject: string): Promise<StoredRecord | undefined> {
    const reply = await this.#request(
      `$JS.API.DIRECT.GET.${stream}`,
      { last_by_subj: subject },
      requestTimeoutMs,
    );
    const status = reply.headers?.code ?? 0;
    if (status === 404) return undefined;
    if (status >= 300) throw unavailable(`Read of ${subject}: ${reply.headers?.description}.`);
    return toRecord(reply);
  }

  /** The last message of a subject, never older than the last acknowledged write. */
  last(stream: string, subject: string): Promise<StoredRecord | undefined> {
    return this.#asksLeaders
      ? this.#leaderGet(stream, { last_by_subj: subject })
      : this.#directLast(stream, subject);
  }

  /** The first message from a sequence on as the stream's leader knows it. */
  leaderNext(stream: string, from: number, filter: string): Promise<StoredRecord | undefined> {
    return this.#leaderGet(stream, { seq: from, next_by_subj: filter });
  }

  /**
   * One batch of a stream's messages from a sequence on, in order, as the replica that answers has them.
   * `filter` is a subject with wildcards. `more` tells whether it had further ones.
   */
  async directBatch(stream: string, from: number, filter: string): Promise<RecordBatch> {
    const ask = () => this.#askBatch(stream, from, filter);
    const answer = await this.#patiently(ask, requestTimeoutMs, batchPatienceMs);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** Rejects when no answer came; an answer that is an error is the result. */
  #askBatch(stream: string, from: number, filter: string): Promise<RecordBatch | HoldfastError> {
    const what = `Read of ${stream}`;
    this.#assertConnected(what);
    const { connection } = this;
    const inbox = createInbox(this.#inboxPrefix);
    return new Promise((resolve, reject) => {
      const records: StoredRecord[] = [];
      let pending = 0;
      let timer: NodeJS.Timeout | undefined;
      const finish = (end: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(giveUp);
        subscription.unsubscribe();
        end();
      };
      const lost = (why: string) => finish(() => reject(unavailable(`${what}: ${why}.`)));
      const giveUp = () => lost("the connection was lost");
      const arm = () => {
        clearTimeout(timer);
        timer = setTimeout(() => lost("no answer"), requestTimeoutMs);
      };
      const subscription = connection.subscribe(inbox, {
        callback: (error, message) => {
          const answer = (result: RecordBatch | HoldfastError) => finish(() => resolve(result));
          if (error) return answer(unavailable(`${what}: ${error.message}`, error));
          const status = message.headers?.code ?? 0;
          if (status === 503) return lost("no engine answers");
          if (status === 204 || status === 404) return answer({ records, more: pending > 0 });
          if (status >= 300) {
            return answer(unavailable(`${what}: ${message.headers?.description}.`));
          }
          records.push(toRecord(message));
          pending = Number(message.headers?.get("Nats-Num-Pending") ?? 0);
          arm();
        },
      });
      this.#waiting.add(giveUp);
      arm();
      const request = {
        seq: from,
        next_by_subj: filter,
        batch: batchRecords,
        max_bytes: batchBytes,
      };
      connection.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(request), { reply: inbox });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.connection.close();
  }

  async #leaderGet(stream: string, request: object): Promise<StoredRecord | undefined> {
    const { message, error } = await this.#patiently((timeout) =>
      this.api<{ message?: { seq: number; subject: string; data?: string } }>(
        `STREAM.MSG.GET.${stream}`,
        request,
        timeout,
      ),
    );
    if (error?.err_code === noMessageCode) return undefined;
    if (error) throw answeredError(error, `Read of ${stream}`);
    if (!message) return undefined;
    const data = plainBytes(Buffer.from(message.data ?? "", "base64"));
    return { sequence: message.seq, subject: message.subject, data };
  }

  /**
   * Asks again what changes nothing: a leader that has just been elected did not hear the first question,
   * and an answer is lost with its connection, also when a node goes back to its own server. What begins
   * without a connection fails at once.
   */
  async #patiently<T>(
    ask: (timeoutMs: number) => Promise<T>,
    tryMs: number = limits.appendTryMs,
    patienceMs = requestTimeoutMs,
  ): Promise<T> {
    const deadline = performance.now() + patienceMs;
    const hadConnection = this.isConnected;
    for (;;) {
      try {
        return await ask(tryMs);
      } catch (thrown) {
        const isOver = performance.now() + tryMs > deadline || this.isClosed;
        if (isOver || !hadConnection) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, limits.appendRetryMs));
      }
    }
  }

  async #request(subject: string, request: unknown, timeout: number): Promise<Msg> {
    this.#assertConnected(subject);
    try {
      const body = JSON.stringify(request);
      return await this.#whileConnected(this.connection.request(subject, body, { timeout }));
    } catch (thrown) {
      throw forbiddenError(thrown, subject) ?? unavailable(`${subject}: no answer.`, thrown);
    }
  }

  /** While cut off the client would hold writes back and send them later: they fail at once instead. */
  #assertConnected(what: string): void {
    if (!this.isConnected) throw unavailable(`${what}: no connection to the engine.`);
  }

  /** An answer never comes over another connection: nobody waits for it when this one is lost. */
  #whileConnected(request: Promise<Msg>): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(new Error("The connection was lost."));
      this.#waiting.add(giveUp);
      void request.then(resolve, reject).finally(() => this.#waiting.delete(giveUp));
    });
  }

  async #watchStatus(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "disconnect" || status.type === "close") {
        this.#connected = false;
        for (const giveUp of this.#waiting) giveUp();
      }
      if (status.type === "reconnect") {
        this.#connected = true;
        for (const run of this.#onReconnect) run();
      }
    }
  }
}

function toRecord(message: Msg): StoredRecord {
  const { headers } = message;
  return {
    sequence: Number(headers?.get("Nats-Sequence")),
    subject: headers?.get("Nats-Subject") ?? "",
    data: plainBytes(message.data),
  };
}

/**
 * Calls what somebody else gave. Thrown into the client's reader, a fault would leave the connection deaf
 * until its pings fail; it ends the process instead.
 */
export function callHandler(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}

/** A view without what Node's Buffer adds, so that every adapter returns the same. */
export function plainBytes(data: Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
