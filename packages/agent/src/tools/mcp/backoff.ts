import { type Clock, limits } from "@holdfast/core";

/** How often something failed in a row, why, and until when it is left alone. */
export class Backoff {
  readonly #clock: Clock;
  #failures = 0;
  #retryAt = 0;
  /** Why it failed last, as a phrase; undefined while nothing speaks against it. */
  reason: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get failures(): number {
    return this.#failures;
  }

  /** How long it is left alone from now on. */
  get waitMs(): number {
    return Math.max(0, this.#retryAt - this.#clock.monotonic());
  }

  failed(reason: string): void {
    const backoffMs = limits.mcpRetryMinMs * 2 ** Math.min(this.#failures, 20);
    this.#failures++;
    this.#retryAt = this.#clock.monotonic() + Math.min(limits.mcpRetryMaxMs, backoffMs);
    this.reason = reason;
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
