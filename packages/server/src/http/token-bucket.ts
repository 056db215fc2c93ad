import { isIPv6 } from "node:net";
import type { Clock } from "@holdfast/core";

/** Lets `burst` requests through at once and `perSecond` afterwards. */
export interface BucketRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A bucket for each address; the one that was not asked for longest goes when there are too many. */
export class AddressBuckets {
  readonly #clock: Clock;
  readonly #rate: BucketRate;
  readonly #most: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock, rate: BucketRate, most: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#most = most;
  }

  /** 0 when the request may pass; otherwise the milliseconds until one of this address may. */
  take(address: string): number {
    const key = networkOf(address);
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#clock, this.#rate);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#most) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket.take();
  }
}

class TokenBucket {
  readonly #clock: Clock;
  readonly #rate: BucketRate;
  #left: number;
  #at: number;

  constructor(clock: Clock, rate: BucketRate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#left = rate.burst;
    this.#at = clock.monotonic();
  }

  take(): number {
    const { perSecond, burst } = this.#rate;
    const now = this.#clock.monotonic();
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1_000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return Math.ceil(((1 - this.#left) / perSecond) * 1_000);
    this.#left -= 1;
    return 0;
  }
}

/** Whoever has one IPv6 address usually has the 2^64 of its network. */
function networkOf(address: string): string {
  // An IPv4 address at a socket for both.
  if (!isIPv6(address) || address.startsWith("::ffff:")) return address;
  const [head = [], tail = []] = address
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return [...head, ...zeros, ...tail].slice(0, 4).join(":");
}
