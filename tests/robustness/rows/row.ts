import type { Violation } from "../validate/violations.ts";

export interface RowSettings {
  readonly seed: number;
  readonly conversations: number;
  /** Messages a second that all conversations together aim at. */
  readonly ratePerSecond: number;
  /** Minutes-long faults are shortened to this, milliseconds. */
  readonly longMs: number;
  /** For homes, records and logs; removed by the caller. */
  readonly folder: string;
}

export interface RowResult {
  /** In the order in which they are shown; milliseconds unless named otherwise. */
  readonly figures: Readonly<Record<string, number | string>>;
  readonly violations: readonly Violation[];
  /** Figures that miss their target, in words. */
  readonly misses: readonly string[];
}

/** One fault of the list with the figure that must come out. */
export interface Row {
  readonly number: number;
  readonly name: string;
  readonly target: string;
  /** What this machine must offer beyond processes. */
  readonly needs?: readonly ("namespaces" | "faketime" | "mount")[];
  run(settings: RowSettings): Promise<RowResult>;
}

/** Collects figures and compares those that have a bound. */
export class Findings {
  readonly figures: Record<string, number | string> = {};
  readonly misses: string[] = [];
  readonly violations: Violation[] = [];

  note(name: string, value: number | string): this {
    this.figures[name] = typeof value === "number" ? Math.round(value * 100) / 100 : value;
    return this;
  }

  atMost(name: string, value: number, bound: number): this {
    if (!(value <= bound)) this.misses.push(`${name}: ${Math.round(value)}, at most ${bound}`);
    return this.note(name, value);
  }

  atLeast(name: string, value: number, bound: number): this {
    if (!(value >= bound)) this.misses.push(`${name}: ${value.toFixed(2)}, at least ${bound}`);
    return this.note(name, value);
  }

  violated(violations: readonly Violation[]): this {
    this.violations.push(...violations);
    return this;
  }
}
