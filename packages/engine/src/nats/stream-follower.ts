import type { Follower } from "@holdfast/core";
import type { Msg, Subscription } from "@nats-io/transport-node";
import { callHandler, type NatsClient, plainBytes, type StoredRecord } from "./nats-client.ts";
import { unavailable } from "./nats-errors.ts";

const pollMs = 1_000;
const retryMs = 10;
const maxRetryMs = 500;

export interface FollowOptions {
  readonly stream: string;
  /** Every subject of the stream, for reading what was missed. */
  readonly filter: string;
  /** Where the stream republishes what it stores. */
  readonly tail: string;
  readonly from: number;
  readonly handle: (record: StoredRecord) => void;
}

/**
 * Follows a stream without a consumer: what the stream stores is republished by its leader, and what was
 * missed (a gap, a reconnection, a leader that died in between) is read from it. Each message is handed
 * over once, in order.
 */
export class StreamFollower implements Follower {
  readonly #client: NatsClient;
  readonly #options: FollowOptions;
  readonly #subscription: Subscription;
  readonly #poll: NodeJS.Timeout;
  readonly #offReconnect: () => void;
  #next: number;
  /** The newest sequence that is known to exist. */
  #target = 0;
  #reading: Promise<void> | undefined;
  #closed = false;

  constructor(client: NatsClient, options: FollowOptions) {
    this.#client = client;
    this.#options = options;
    this.#next = options.from;
    this.#subscription = client.connection.subscribe(options.tail, {
      callback: (error, message) => {
        if (!error) this.#onRepublished(message);
      },
    });
    this.#poll = setInterval(() => this.#catchUp(), pollMs);
    this.#poll.unref();
    this.#offReconnect = client.onReconnect(() => this.#catchUp());
    this.#catchUp();
  }

  nudge(sequence: number): void {
    this.#target = Math.max(this.#target, sequence);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    this.#offReconnect();
    if (!this.#client.connection.isClosed()) this.#subscription.unsubscribe();
    await this.#reading;
  }

  /** Resolves when everything up to a sequence was handed over. Errors: `engine_unavailable`. */
  async reached(sequence: number): Promise<void> {
    this.#target = Math.max(this.#target, sequence);
    while (!this.#closed && this.#next <= sequence) {
      if (this.#client.isClosed)
        throw unavailable(`${this.#options.stream}: closed while reading.`);
      const before = this.#next;
      this.#catchUp();
      await this.#reading;
      // While the engine is away a read fails without waiting: time must pass, or nothing else would run.
      if (this.#next === before) await pause(retryMs);
    }
  }

  #onRepublished(message: Msg): void {
    if (this.#closed) return;
    const sequence = Number(message.headers?.get("Nats-Sequence"));
    if (sequence > this.#target) this.#target = sequence;
    if (sequence !== this.#next || this.#reading) {
      if (sequence >= this.#next) this.#catchUp();
      return;
    }
    this.#hand({
      sequence,
      subject: message.headers?.get("Nats-Subject") ?? "",
      data: plainBytes(message.data),
    });
  }

  #hand(record: StoredRecord): void {
    this.#next = record.sequence + 1;
    callHandler(() => this.#options.handle(record));
  }

  #catchUp(): void {
    if (this.#client.isClosed) clearInterval(this.#poll);
    else {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
    }
  }

  /** Reads until nothing is missing. A replica that lags behind what is known to exist is asked again. */
  async #read(): Promise<void> {
    const { stream, filter } = this.#options;
    let pauseMs = retryMs;
    while (!this.#closed) {
      const from = this.#next;
      try {
        const isPatient = pauseMs <= maxRetryMs;
        const more = isPatient
          ? this.#handAll(await this.#client.directBatch(stream, from, filter))
          : await this.#askLeader();
        if (!more && this.#next > this.#target) return;
      } catch {
        // The engine is away: the poll and the reconnection come back here.
        return;
      }
      // While records arrive, further ones may have been stored since the replica looked.
      if (this.#next > from) pauseMs = retryMs;
      else {
        await pause(pauseMs);
        pauseMs *= 2;
      }
    }
  }

  #handAll({ records, more }: { records: readonly StoredRecord[]; more: boolean }): boolean {
    for (const record of records) {
      if (this.#closed) return false;
      if (record.sequence >= this.#next) this.#hand(record);
    }
    return more;
  }

  /**
   * Only the leader can tell a record that no replica has yet from one that is gone: replaced by a newer
   * one of its key, or truncated.
   */
  async #askLeader(): Promise<boolean> {
    const { stream, filter } = this.#options;
    const target = this.#target;
    const record = await this.#client.leaderNext(stream, this.#next, filter);
    if (record) return this.#handAll({ records: [record], more: false });
    this.#next = Math.max(this.#next, target + 1);
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
