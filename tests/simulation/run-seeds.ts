/**
 * Runs many seeds of the simulation:
 *
 *   npm run sim -- --seeds 10000 [--first N] [--quiet] [--until TEXT]
 *   npm run sim -- --seed N          prints the whole history of one
 *
 * Prints what failed and how to see it again, then how often each thing happened in all runs. With
 * `--until` it ends at the first seed with a violation that fits the regular expression.
 */
import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    first: { type: "string", default: "1" },
    seed: { type: "string" },
    quiet: { type: "boolean", default: false },
    until: { type: "string" },
  },
});
const isOne = values.seed !== undefined;
const first = Number(values.seed ?? values.first);
const count = isOne ? 1 : Number(values.seeds);
if (![first, count].every(Number.isSafeInteger)) throw new Error("Seeds are whole numbers.");

const until = values.until === undefined ? undefined : new RegExp(values.until);

const startedAt = Date.now();
const totals = new Map<string, number>();
const failed: number[] = [];
let ran = 0;
let slowest = { seed: 0, ms: 0 };
for (let seed = first; seed < first + count; seed += 1) {
  const began = performance.now();
  const { violations, lines, counts } = await simulate(seed);
  ran += 1;
  const tookMs = performance.now() - began;
  if (tookMs > slowest.ms) slowest = { seed, ms: tookMs };
  for (const [what, times] of counts) totals.set(what, (totals.get(what) ?? 0) + times);
  if (isOne) console.log(lines.map((line) => line.slice(0, 260)).join("\n"));
  if (violations.length === 0) continue;
  failed.push(seed);
  const shown = violations.slice(0, values.quiet ? 2 : 6).map((text) => text.slice(0, 600));
  console.log(
    `seed ${seed}: ${violations.length} violations (npm run sim -- --seed ${seed})\n  ${shown.join("\n  ")}`,
  );
  const wanted = until && violations.find((text) => until.test(text));
  if (!wanted) continue;
  console.log(`found: ${wanted.slice(0, 600)}`);
  break;
}
for (const [what, times] of [...totals].toSorted(([a], [b]) => a.localeCompare(b))) {
  if (!values.quiet) console.log(`${times}\t${what}`);
}
const seconds = (Date.now() - startedAt) / 1_000;
console.log(
  `${failed.length} of ${ran} seeds failed${failed.length > 0 ? `: ${failed.slice(0, 50).join(" ")}` : ""} (${(ran / seconds).toFixed(1)} seeds/s, the slowest ${slowest.seed} in ${Math.round(slowest.ms)} ms)`,
);
process.exitCode = failed.length > 0 ? 1 : 0;
