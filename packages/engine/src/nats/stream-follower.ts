import type { Follower } from "@holdfast/core";
import type { Msg, Subscription } from "@nats-io/transport-node";
import { type NatsClient, plainBytes, type StoredRecord } from "./nats-client.ts";

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

  /** Resolves when everything up to a sequence was handed over. */
  async reached(sequence: number): Promise<void> {
    this.#target = Math.max(this.#target, sequence);
    while (!this.#closed && this.#next <= sequence) {
      this.#catchUp();
      await this.#reading;
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
    this.#options.handle(record);
  }

  #catchUp(): void {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
  }

  /** Reads until nothing is missing. A replica that lags behind what is known to exist is asked again. */
  async #read(): Promise<void> {
    const { stream, filter } = this.#options;
    let pauseMs = retryMs;
    while (!this.#closed) {
      let more = false;
      try {
        const batch = await this.#client.directBatch(stream, this.#next, filter);
        if (this.#closed) return;
        for (const record of batch.records) if (record.sequence >= this.#next) this.#hand(record);
        more = batch.more;
      } catch {
        // The engine is away: the poll and the reconnection come back here.
        return;
      }
      if (!more && this.#next > this.#target) return;
      if (more) continue;
      if (pauseMs > maxRetryMs) {
        // Nothing of that sequence is left: it was replaced or truncated.
        this.#next = Math.max(this.#next, this.#target + 1);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs *= 2;
    }
  }
}
