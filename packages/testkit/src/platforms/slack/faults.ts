import type { Random } from "@holdfast/core";
import type { FaultRates } from "../fake-platform.ts";

/** What goes wrong on purpose, and how often it did. */
export class Faults {
  rates: FaultRates;
  readonly counts: Record<string, number> = {};
  readonly #random: Random;

  constructor(rates: FaultRates, random: Random) {
    this.rates = rates;
    this.#random = random;
  }

  hits(fault: keyof FaultRates): boolean {
    const isHit = this.#random.next() < (this.rates[fault] ?? 0);
    if (isHit) this.count(fault);
    return isHit;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}
