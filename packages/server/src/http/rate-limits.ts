import { type Clock, HoldfastError, limits } from "@holdfast/core";
import type { TokenRecord } from "@holdfast/security";

interface Bucket {
  requests: number;
  at: number;
}

/** A token bucket of one second's requests for each bearer token; it goes when the token goes. */
export class RateLimits {
  readonly #buckets = new WeakMap<TokenRecord, Bucket>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Errors: `rate_limited`. */
  take(token: TokenRecord): void {
    const perSecond = token.requestsPerSecond ?? limits.requestsPerSecondPerToken;
    const now = this.#clock.monotonic();
    let bucket = this.#buckets.get(token);
    if (bucket === undefined) {
      bucket = { requests: Math.max(1, perSecond), at: now };
      this.#buckets.set(token, bucket);
    }
    const refill = ((now - bucket.at) / 1_000) * perSecond;
    bucket.requests = Math.min(Math.max(1, perSecond), bucket.requests + refill);
    bucket.at = now;
    if (bucket.requests < 1) {
      const retryAfterMs = Math.ceil(((1 - bucket.requests) / perSecond) * 1_000);
      const problem = `This token may send ${perSecond} requests per second.`;
      throw new HoldfastError("rate_limited", problem, { retryAfterMs });
    }
    bucket.requests -= 1;
  }
}
