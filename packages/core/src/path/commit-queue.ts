import { HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import { framedBytes } from "./records.ts";

/**
 * Group commit: while one append of a log is in flight, the next batch gathers, so that the cost of a
 * durable write is paid per batch.
 */
export class CommitQueue {
  readonly #commit: Commit;
  readonly #gate: AppendGate;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #busy = false;
  readonly #idle = new Set<() => void>();
  #closed: HoldfastError | undefined;

  constructor(gate: AppendGate, commit: Commit) {
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

  /** Resolves when no append is in flight. */
  idle(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#idle.add(resolve));
  }

  /** Called by the gate: takes the batch and appends it. */
  async flush(slot: Slot): Promise<void> {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    this.#busy = true;
    try {
      const sequence = await this.#commit(
        batch.map((item) => item.entry),
        (wait) => slot.during(wait),
      );
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
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
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

/**
 * Makes one batch durable and resolves to its record's sequence. Between two tries it waits inside
 * `pause`, which leaves the gate to other logs meanwhile.
 */
type Commit = (batch: readonly Uint8Array[], pause: Pause) => Promise<number>;

export type Pause = (wait: () => Promise<void>) => Promise<void>;

export interface Committed {
  readonly sequence: number;
  readonly index: number;
}

interface Waiting {
  readonly entry: Uint8Array;
  readonly resolve: (place: Committed) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** A place among the appends in flight. */
interface Slot {
  /** Gives the place back while `wait` runs, then waits for another. */
  during(wait: () => Promise<void>): Promise<void>;
}

/**
 * Bounds the appends in flight of a whole node and lets the fullest batch go first: few, fat commits
 * keep the disk's flushes useful when many partitions write. Repeats of failed appends get at most half
 * of the places, so that logs without a leader do not keep the others from writing.
 */
export class AppendGate {
  readonly #ready = new Set<CommitQueue>();
  /** Repeats that wait for a place, oldest first. */
  readonly #repeats: (() => void)[] = [];
  readonly #soon: (run: () => void) => void;
  readonly #capacity: number;
  readonly #repeatCapacity: number;
  #inFlight = 0;
  #repeating = 0;
  #scheduled = false;

  constructor(soon: (run: () => void) => void, capacity: number = limits.appendsInFlight) {
    this.#soon = soon;
    this.#capacity = capacity;
    this.#repeatCapacity = Math.max(1, Math.floor(capacity / 2));
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
    while (this.#inFlight < this.#capacity) {
      const repeat = this.#repeating < this.#repeatCapacity ? this.#repeats.shift() : undefined;
      if (repeat) {
        this.#inFlight += 1;
        this.#repeating += 1;
        repeat();
      } else if (this.#ready.size > 0) this.#flush(this.#fullest());
      else return;
    }
  }

  #flush(queue: CommitQueue): void {
    this.#ready.delete(queue);
    this.#inFlight += 1;
    let isRepeat = false;
    const leave = (): void => {
      this.#inFlight -= 1;
      if (isRepeat) this.#repeating -= 1;
      this.#dispatch();
    };
    const slot: Slot = {
      during: async (wait) => {
        leave();
        try {
          await wait();
        } finally {
          await new Promise<void>((resolve) => {
            this.#repeats.push(resolve);
            this.#dispatch();
          });
          isRepeat = true;
        }
      },
    };
    void queue.flush(slot).finally(leave);
  }

  #fullest(): CommitQueue {
    const [first, ...rest] = this.#ready;
    if (!first) throw new HoldfastError("internal", "The append gate is empty.");
    return rest.reduce((best, queue) => (queue.waiting > best.waiting ? queue : best), first);
  }
}
