import { median, rounded } from "../lib/figures.ts";
import { cpuMs } from "../lib/process-cpu.ts";
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
  /** Processor time per turn of its own process, and of the engines. */
  readonly cpuMicros: number;
  readonly engineCpuMicros: number;
  /** Turns per second of each run, in the order in which they were made. */
  readonly runs: readonly number[];
}

export interface Measurement {
  readonly engine: string;
  readonly levels: readonly number[];
  readonly repetitions: number;
  readonly warmupMs: number;
  readonly runMs: number;
  readonly enginePids: readonly number[];
}

interface Run extends LoadResult {
  readonly cpuMicros: number;
  readonly engineCpuMicros: number;
}

const warmInFlight = 64;
const warmMs = 3_000;

/** Once for each process, so that no first level is measured with code that was never compiled. */
export async function warmUp(contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) {
    const part = { warmupMs: warmMs, runMs: 0 };
    await contender.run({ inFlight: warmInFlight, conversations, textBytes, ...part });
  }
}

/**
 * Measures the contenders by turns (A B A B ...), so that what slows the machine for a while slows all of
 * them. Errors of the load are counted and shown, never thrown.
 */
export async function measure(
  contenders: readonly Contender[],
  { engine, levels, repetitions, warmupMs, runMs, enginePids }: Measurement,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const inFlight of levels) {
    const plan: LoadPlan = { inFlight, conversations, textBytes, warmupMs, runMs };
    const results = new Map<Contender, Run[]>(contenders.map((each) => [each, []]));
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      for (const [contender, runs] of results) {
        const result = await runOnce(contender, plan, enginePids);
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

async function runOnce(
  contender: Contender,
  plan: LoadPlan,
  enginePids: readonly number[],
): Promise<Run> {
  const own = contender.pid === undefined ? [] : [contender.pid];
  const before = [cpuMs(own), cpuMs(enginePids)] as const;
  const result = await contender.run(plan);
  const perTurn = (ms: number) => (result.allTurns === 0 ? 0 : (ms * 1_000) / result.allTurns);
  return {
    ...result,
    cpuMicros: perTurn(cpuMs(own) - before[0]),
    engineCpuMicros: perTurn(cpuMs(enginePids) - before[1]),
  };
}

function summarize(engine: string, inFlight: number, contender: string, runs: readonly Run[]): Row {
  const middle = (read: (run: Run) => number) => rounded(median(runs.map(read)));
  return {
    engine,
    inFlight,
    contender,
    turnsPerSecond: middle((run) => run.turnsPerSecond),
    p50Ms: middle((run) => run.p50Ms),
    p99Ms: middle((run) => run.p99Ms),
    cpuMicros: middle((run) => run.cpuMicros),
    engineCpuMicros: middle((run) => run.engineCpuMicros),
    errors: runs.reduce((sum, run) => sum + run.errors, 0),
    runs: runs.map((run) => rounded(run.turnsPerSecond)),
  };
}

function report(engine: string, inFlight: number, contender: string, result: Run): void {
  const { turnsPerSecond, p50Ms, p99Ms, errors, failures, cpuShare, cpuMicros, engineCpuMicros } =
    result;
  console.error(
    `${engine} ${String(inFlight).padStart(4)} in flight  ${contender.padEnd(10)} ` +
      `${turnsPerSecond.toFixed(0).padStart(6)} turns/s  p50 ${p50Ms.toFixed(1)} ms  p99 ${p99Ms.toFixed(1)} ms  ` +
      `cpu/turn ${cpuMicros.toFixed(0)} + engines ${engineCpuMicros.toFixed(0)} us  generator ${(cpuShare * 100).toFixed(0)} % of a core${errors > 0 ? `  ${errors} errors` : ""}`,
  );
  for (const failure of failures) console.error(`  ${failure}`);
}
