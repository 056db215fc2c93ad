import { createSeededRandom } from "../../seeded-random.ts";
import type { FaultRates } from "../fake-platform.ts";

/** Which request or event a fault hits, from one seed, and how often each hit. */
export class Faults {
  rates: FaultRates;
  readonly counts: Record<string, number> = {};
  readonly #next: () => number;

  constructor(seed: number, rates: FaultRates) {
    this.rates = rates;
    const random = createSeededRandom(seed);
    this.#next = () => random.next();
  }

  hits(fault: keyof FaultRates): boolean {
    const rate = this.rates[fault] ?? 0;
    if (rate <= 0 || this.#next() >= rate) return false;
    this.count(fault);
    return true;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}
