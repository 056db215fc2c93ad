import type { Clock } from "@holdfast/core";

/** What happened in one simulated run, and what was wrong with it. */
export interface RunRecord {
  readonly lines: readonly string[];
  readonly violations: readonly string[];
  note(text: string): void;
  violate(text: string): void;
  count(what: string): void;
  /** How often each kind of thing happened: shows that a run reached what it is meant to reach. */
  readonly counts: ReadonlyMap<string, number>;
}

export function createRunRecord(clock: Clock): RunRecord {
  const lines: string[] = [];
  const violations: string[] = [];
  const counts = new Map<string, number>();
  const note = (text: string) => {
    lines.push(`${(clock.monotonic() / 1_000).toFixed(3).padStart(9)} ${text}`);
  };
  return {
    lines,
    violations,
    counts,
    note,
    violate(text) {
      note(`VIOLATION ${text}`);
      violations.push(text);
    },
    count(what) {
      counts.set(what, (counts.get(what) ?? 0) + 1);
    },
  };
}
