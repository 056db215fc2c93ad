import { HoldfastError } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { pairingLimits } from "./access-limits.ts";

/** Counts wrong codes of each account, so that nobody tries them all. */
export class WrongCodes {
  readonly #clock: Clock;
  readonly #counts = new Map<string, { count: number; since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Errors: `rate_limited`. */
  check(account: string): void {
    const found = this.#counts.get(account);
    if (!found) return;
    const retryAfterMs = found.since + pairingLimits.wrongCodesWindowMs - this.#clock.monotonic();
    if (retryAfterMs <= 0) this.#counts.delete(account);
    else if (found.count >= pairingLimits.wrongCodes) {
      const message = `${found.count} wrong pairing codes were tried: no more are looked at for a while.`;
      throw new HoldfastError("rate_limited", message, { retryAfterMs });
    }
  }

  add(account: string): void {
    const found = this.#counts.get(account);
    if (found) found.count += 1;
    else this.#counts.set(account, { count: 1, since: this.#clock.monotonic() });
    const [oldest] = this.#counts.keys();
    const isFull = this.#counts.size > pairingLimits.wrongCodeAccounts;
    if (isFull && oldest !== undefined) this.#counts.delete(oldest);
  }
}
