import { HoldfastError } from "@holdfast/core";

/** So many at once; the others wait in the order in which they came, and those of different groups take turns. */
export class Slots {
  #free: number;
  /** The group that had its turn last is the last; none is empty. */
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Errors: those of `work`; `channel_unavailable` when the signal aborts before the turn came. */
  async use<Result>(signal: AbortSignal, work: () => Promise<Result>, group = ""): Promise<Result> {
    await this.#take(signal, group);
    try {
      return await work();
    } finally {
      this.#release(group);
    }
  }

  async #take(signal: AbortSignal, group: string): Promise<void> {
    if (signal.aborted) throw stopped();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#forget(group, enter);
        reject(stopped());
      };
      this.#waiting.set(group, (this.#waiting.get(group) ?? new Set()).add(enter));
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  #release(group: string): void {
    const own = this.#waiting.get(group);
    if (own !== undefined) {
      this.#waiting.delete(group);
      this.#waiting.set(group, own);
    }
    for (const [next, [enter]] of this.#waiting) {
      if (enter === undefined) continue;
      this.#forget(next, enter);
      enter();
      return;
    }
    this.#free += 1;
  }

  #forget(group: string, enter: () => void): void {
    const waiting = this.#waiting.get(group);
    waiting?.delete(enter);
    if (waiting?.size === 0) this.#waiting.delete(group);
  }
}

function stopped(): HoldfastError {
  return new HoldfastError("channel_unavailable", "It was stopped before its turn came.");
}
