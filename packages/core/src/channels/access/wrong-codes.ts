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

  /**
   * Counts a code before it is looked at, as many may be looked at together; what it returns takes that
   * back, once the code was not wrong. Errors: `rate_limited`.
   */
  count(account: string): () => void {
    const found = this.#current(account);
    const retryAfterMs = found.since + pairingLimits.wrongCodesWindowMs - this.#clock.monotonic();
    if (found.count >= pairingLimits.wrongCodes) {
      const message = `${found.count} wrong pairing codes were tried: no more are looked at for a while.`;
      throw new HoldfastError("rate_limited", message, { retryAfterMs });
    }
    found.count += 1;
    return () => void (found.count -= 1);
  }

  #current(account: string): { count: number; since: number } {
    const now = this.#clock.monotonic();
    const known = this.#counts.get(account);
    if (known && known.since + pairingLimits.wrongCodesWindowMs > now) return known;
    const begun = { count: 0, since: now };
    this.#counts.delete(account);
    this.#counts.set(account, begun);
    const [oldest] = this.#counts.keys();
    const isFull = this.#counts.size > pairingLimits.wrongCodeAccounts;
    if (isFull && oldest !== undefined) this.#counts.delete(oldest);
    return begun;
  }
}
