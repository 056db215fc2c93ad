const accountPerSecond = 80;
const pairBurst = 45;
const pairEveryMs = 6_000;

/** What Meta lets through: 80 messages a second, and to one person one every six seconds with a burst of 45. */
export class RateLimits {
  readonly #speed: number;
  #account = { startedAt: 0, count: 0 };
  readonly #pairs = new Map<string, { tokens: number; at: number }>();

  constructor(speed: number) {
    this.#speed = speed;
  }

  /** The limit that this message breaks; without one it is counted. */
  take(to: string): "account" | "pair" | undefined {
    const now = performance.now() * this.#speed;
    if (now - this.#account.startedAt >= 1_000) this.#account = { startedAt: now, count: 0 };
    if (this.#account.count >= accountPerSecond) return "account";
    const pair = this.#pairs.get(to) ?? { tokens: pairBurst, at: now };
    pair.tokens = Math.min(pairBurst, pair.tokens + (now - pair.at) / pairEveryMs);
    pair.at = now;
    this.#pairs.set(to, pair);
    if (pair.tokens < 1) return "pair";
    pair.tokens -= 1;
    this.#account.count += 1;
    return undefined;
  }
}
