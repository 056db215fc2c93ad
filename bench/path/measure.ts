import { median, rounded } from "../lib/figures.ts";
import type { LoadPlan, LoadResult } from "../lib/load.ts";
import type { Contender } from "./contenders.ts";
import { conversations, textBytes } from "./workload.ts";

/** The medians of a contender's runs at one level of load. */
export interface Row {
  readonly engine: string;
  readonly inFlight: number;
  readonly contender: string;
  readonly turnsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  /** Turns per second of each run, in the order in which they were made. */
  readonly runs: readonly number[];
}

export interface Measurement {
  readonly engine: string;
  readonly levels: readonly number[];
  readonly repetitions: number;
  readonly warmupMs: number;
  readonly runMs: number;
}

/**
 * Measures the contenders by turns (A B A B ...), so that what slows the machine for a while slows all of
 * them. Errors of the load are counted and shown, never thrown.
 */
export async function measure(
  contenders: readonly Contender[],
  { engine, levels, repetitions, warmupMs, runMs }: Measurement,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const inFlight of levels) {
    const plan: LoadPlan = { inFlight, conversations, textBytes, warmupMs, runMs };
    const results = new Map<Contender, LoadResult[]>(contenders.map((each) => [each, []]));
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      for (const [contender, runs] of results) {
        const result = await contender.run(plan);
        runs.push(result);
        report(engine, inFlight, contender.name, result);
      }
    }
    for (const [contender, runs] of results) {
      rows.push(summarize(engine, inFlight, contender.name, runs));
    }
  }
  return rows;
}

function summarize(
  engine: string,
  inFlight: number,
  contender: string,
  runs: readonly LoadResult[],
): Row {
  const middle = (read: (run: LoadResult) => number) => rounded(median(runs.map(read)));
  return {
    engine,
    inFlight,
    contender,
    turnsPerSecond: middle((run) => run.turnsPerSecond),
    p50Ms: middle((run) => run.p50Ms),
    p99Ms: middle((run) => run.p99Ms),
    errors: runs.reduce((sum, run) => sum + run.errors, 0),
    runs: runs.map((run) => rounded(run.turnsPerSecond)),
  };
}

function report(engine: string, inFlight: number, contender: string, result: LoadResult): void {
  const { turnsPerSecond, p50Ms, p99Ms, errors, failures, cpuShare } = result;
  console.error(
    `${engine} ${String(inFlight).padStart(4)} in flight  ${contender.padEnd(10)} ` +
      `${turnsPerSecond.toFixed(0).padStart(6)} turns/s  p50 ${p50Ms.toFixed(1)} ms  p99 ${p99Ms.toFixed(1)} ms  ` +
      `generator ${(cpuShare * 100).toFixed(0)} % of a core${errors > 0 ? `  ${errors} errors` : ""}`,
  );
  for (const failure of failures) console.error(`  ${failure}`);
}
