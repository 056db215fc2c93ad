import type { Clock } from "@holdfast/core";

interface Timer {
  readonly at: number;
  readonly delayMs: number;
  readonly run: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();
  readonly #waiters = new Set<() => void>();
  /** Delays of all timers ever scheduled. */
  readonly delays: number[] = [];

  now(): number {
    return 1_700_000_000_000 + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, delayMs, run };
    this.#timers.add(timer);
    this.delays.push(delayMs);
    for (const check of this.#waiters) check();
    return () => void this.#timers.delete(timer);
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = [...this.#timers].filter((timer) => timer.at <= this.#now);
    for (const timer of due.toSorted((a, b) => a.at - b.at)) {
      if (this.#timers.delete(timer)) timer.run();
    }
  }

  /** Resolves when a timer of about that delay is pending. */
  scheduled(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (![...this.#timers].some((timer) => Math.abs(timer.delayMs - delayMs) < 0.5)) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }
}
