import { describe, expect, test } from "vitest";
import type { RunRecord } from "./run-record.ts";
import { simulate } from "./simulate.ts";

const seeds = Array.from({ length: 100 }, (_, number) => number + 1);

/** What the runs together must have reached, or they would show little. */
const wanted =
  "acked unknown idempotency_conflict letter turn dropped step pay cut refuse lose-request lose-answer storage-full afterCheckpoint afterTruncation"
    .split(" ")
    .concat("report ownership_lost", "read sealed pages");

describe("in simulated storms of faults, crashes and rival owners", () => {
  const counts = new Map<string, number>();

  test("every acknowledged message is answered once and in order, or flagged", async () => {
    for (const seed of seeds) {
      const record = await simulate(seed);
      expect(record.violations, historyOf(seed, record)).toEqual([]);
      for (const [what, times] of record.counts) counts.set(what, (counts.get(what) ?? 0) + times);
    }
  });

  test("everything that can go wrong did", () => {
    expect(wanted.filter((what) => !counts.has(what))).toEqual([]);
  });

  test("a seed repeats its run line by line", async () => {
    const [first, second] = [await simulate(7), await simulate(7)];
    expect(second.lines).toEqual(first.lines);
  });
});

function historyOf(seed: number, { lines, violations }: RunRecord): string {
  if (violations.length === 0) return "";
  const shown = lines.map((line) => line.slice(0, 240)).join("\n");
  return `seed ${seed} (node tests/path/run-seeds.ts 1 ${seed}):\n${shown}`;
}
