import { mkdirSync } from "node:fs";
import { startEngines } from "../lib/engines.ts";
import type { LoadGenerator } from "../lib/load.ts";
import { type Contender, type Running, startBaseline, startProduct } from "./contenders.ts";
import { measure, type Measurement, type Row, warmUp } from "./measure.ts";

export interface EngineRun {
  /** Where the engines and the node keep their data; made, and left to the caller to remove. */
  readonly folder: string;
  readonly replicas: 1 | 3;
  readonly load: LoadGenerator;
  /** Names of contenders, in the order in which they are measured. */
  readonly contenders: readonly string[];
  readonly measurement: Omit<Measurement, "engine" | "enginePids">;
  /** The node's own when absent. */
  readonly partitions?: number | undefined;
  readonly appendsInFlight?: number | undefined;
  /** Where the node writes its CPU profile. */
  readonly profileFolder?: string | undefined;
}

/** Starts new engines with a node and a baseline on them, measures, and stops all of it. */
export async function measureOnEngines(run: EngineRun): Promise<{ rows: Row[]; version: string }> {
  const { folder, replicas, load, partitions, appendsInFlight, profileFolder } = run;
  mkdirSync(folder, { recursive: true });
  const engines = await startEngines(folder, replicas);
  const running: Running[] = [];
  try {
    const options = { folder, engines, load, partitions, appendsInFlight, profileFolder };
    running.push(await startProduct(options));
    if (run.contenders.includes("baseline")) running.push(await startBaseline(options));
    const all = running.flatMap(({ contenders }) => contenders);
    const wanted = named(all, run.contenders);
    await warmUp(wanted);
    const rows = await measure(wanted, {
      ...run.measurement,
      engine: `R${replicas}`,
      enginePids: engines.pids,
    });
    return { rows, version: engines.version };
  } finally {
    await Promise.all(running.map((each) => each.stop()));
    await engines.stop();
  }
}

function named(contenders: readonly Contender[], names: readonly string[]): readonly Contender[] {
  return names.flatMap((name) => contenders.filter((contender) => contender.name === name));
}
