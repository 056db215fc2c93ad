import { HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import { framedBytes } from "./records.ts";

/**
 * Group commit: while one append of a log is in flight, the next batch gathers, so that the cost of a
 * durable write is paid per batch.
 */
export class CommitQueue {
  readonly #commit: (batch: readonly Uint8Array[]) => Promise<number>;
  readonly #gate: AppendGate;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #busy = false;
  #closed: HoldfastError | undefined;

  /** `commit` makes one batch durable and resolves to its record's sequence. */
  constructor(gate: AppendGate, commit: (batch: readonly Uint8Array[]) => Promise<number>) {
    this.#gate = gate;
    this.#commit = commit;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the entry is durable, to the place it got. Errors: those of `commit`, `node_busy`. */
  add(entry: Uint8Array): Promise<Committed> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (entry.byteLength + 64 > limits.batchBytes) {
      const problem = `An entry of ${entry.byteLength} bytes is over the limit of ${limits.batchBytes} bytes.`;
      return Promise.reject(new HoldfastError("payload_too_large", problem));
    }
    if (
      this.#waiting.length >= limits.appendQueueEntries ||
      this.#waitingBytes + entry.byteLength > limits.appendQueueBytes
    ) {
      const problem = "Too many writes wait for the engine.";
      return Promise.reject(new HoldfastError("node_busy", problem, { retryAfterMs: 1_000 }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      this.#waitingBytes += entry.byteLength;
      if (!this.#busy) this.#gate.request(this);
    });
  }

  /** Fails what waits and whatever comes; an append in flight still ends. */
  close(reason: HoldfastError): void {
    this.#closed = reason;
    this.#failWaiting(reason);
  }

  /** Called by the gate: takes the batch and appends it. */
  async flush(): Promise<void> {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    this.#busy = true;
    try {
      const sequence = await this.#commit(batch.map((item) => item.entry));
      batch.forEach((item, index) => item.resolve({ sequence, index }));
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      for (const item of batch) item.reject(error);
      // What gathered behind a failed append was never sent: its callers may safely try again.
      this.#failWaiting(
        new HoldfastError("engine_unavailable", "The engine does not take writes now.", {
          retryAfterMs: 1_000,
          cause: error,
        }),
      );
    } finally {
      this.#busy = false;
      if (this.#waiting.length > 0) this.#gate.request(this);
    }
  }

  #takeBatch(): Waiting[] {
    let bytes = 64;
    let count = 0;
    for (const item of this.#waiting) {
      bytes += framedBytes(item.entry);
      if (count === limits.batchEntries || (count > 0 && bytes > limits.batchBytes)) break;
      this.#waitingBytes -= item.entry.byteLength;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #failWaiting(error: HoldfastError): void {
    const failed = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const item of failed) item.reject(error);
  }
}

export interface Committed {
  readonly sequence: number;
  readonly index: number;
}

interface Waiting {
  readonly entry: Uint8Array;
  readonly resolve: (place: Committed) => void;
  readonly reject: (error: HoldfastError) => void;
}

/**
 * Bounds the appends in flight of a whole node and lets the fullest batch go first: few, fat commits
 * keep the disk's flushes useful when many partitions write.
 */
export class AppendGate {
  readonly #ready = new Set<CommitQueue>();
  readonly #soon: (run: () => void) => void;
  readonly #capacity: number;
  #inFlight = 0;
  #scheduled = false;

  constructor(soon: (run: () => void) => void, capacity: number = limits.appendsInFlight) {
    this.#soon = soon;
    this.#capacity = capacity;
  }

  request(queue: CommitQueue): void {
    this.#ready.add(queue);
    if (this.#scheduled) return;
    // Entries that arrive in the same turn of the event loop share a batch.
    this.#scheduled = true;
    this.#soon(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#inFlight < this.#capacity && this.#ready.size > 0) {
      const queue = this.#fullest();
      this.#ready.delete(queue);
      this.#inFlight += 1;
      void queue.flush().finally(() => {
        this.#inFlight -= 1;
        this.#dispatch();
      });
    }
  }

  #fullest(): CommitQueue {
    const [first, ...rest] = this.#ready;
    if (!first) throw new HoldfastError("internal", "The append gate is empty.");
    return rest.reduce((best, queue) => (queue.waiting > best.waiting ? queue : best), first);
  }
}
