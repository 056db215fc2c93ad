/**
 * Runs many seeds of the message path's simulation: `node tests/path/run-seeds.ts COUNT [FIRST] [--quiet]`.
 * Prints what failed with the end of its history, then how often each thing happened in all runs. A
 * count of 1 prints the whole history of that seed.
 */
import { simulate } from "./simulation/simulate.ts";

const [count = 100, first = 1] = process.argv
  .slice(2)
  .filter((word) => /^\d+$/.test(word))
  .map(Number);
const isQuiet = process.argv.includes("--quiet");
const totals = new Map<string, number>();
const failed: number[] = [];
for (let seed = first; seed < first + count; seed += 1) {
  const { violations, lines, counts } = await simulate(seed);
  for (const [what, times] of counts) totals.set(what, (totals.get(what) ?? 0) + times);
  if (count === 1) console.log(lines.map((line) => line.slice(0, 260)).join("\n"));
  if (violations.length === 0) continue;
  failed.push(seed);
  const shown = violations.slice(0, isQuiet ? 2 : 6).map((text) => text.slice(0, 600));
  console.log(`seed ${seed}: ${violations.length} violations\n  ${shown.join("\n  ")}`);
}
for (const [what, times] of [...totals].toSorted(([a], [b]) => a.localeCompare(b))) {
  if (!isQuiet) console.log(`${times}\t${what}`);
}
console.log(`${failed.length} of ${count} seeds failed: ${failed.slice(0, 50).join(" ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
