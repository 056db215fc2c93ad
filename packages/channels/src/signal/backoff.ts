import type { Random } from "@holdfast/core";

/** Doubles with every failure in a row; half of it is chance, so that many do not come back together. */
export function backoffMs(failures: number, minMs: number, maxMs: number, random: Random): number {
  const full = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
  return full / 2 + (random.next() * full) / 2;
}
