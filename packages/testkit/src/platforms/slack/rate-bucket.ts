/** At most `count` in `perMs` on average, and twice as many at once, as Slack lets short bursts through. */
export class RateBuckets {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  readonly #count: number;
  readonly #perMs: number;

  constructor(count: number, perMs: number) {
    this.#count = count;
    this.#perMs = perMs;
  }

  /** The milliseconds until the next is let through; zero when this one was. */
  take(key: string): number {
    const now = performance.now();
    const most = this.#count * 2;
    const bucket = this.#buckets.get(key) ?? { tokens: most, at: now };
    const refilled = bucket.tokens + ((now - bucket.at) / this.#perMs) * this.#count;
    const tokens = Math.min(refilled, most);
    const isTaken = tokens >= 1;
    this.#buckets.set(key, { tokens: isTaken ? tokens - 1 : tokens, at: now });
    return isTaken ? 0 : Math.ceil(((1 - tokens) / this.#count) * this.#perMs);
  }
}
