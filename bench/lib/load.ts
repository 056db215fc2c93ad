import { BenchChild } from "./child.ts";
import type { LatencySummary } from "./latencies.ts";

/** Where the load goes: an HTTP server that answers `{"text": T}` with a JSON that holds `"echo: T"`. */
export interface HttpTarget {
  /** `http://host:port`. */
  readonly url: string;
  /** The address of each conversation. */
  readonly paths: readonly string[];
  /** Header lines, each ended by CR LF; connections take them in turn. */
  readonly headers: readonly string[];
}

export interface LoadPlan {
  readonly inFlight: number;
  readonly conversations: number;
  readonly textBytes: number;
  readonly warmupMs: number;
  readonly runMs: number;
}

export interface LoadResult extends LatencySummary {
  /** Turns that were answered rightly within the measured time. */
  readonly turns: number;
  readonly turnsPerSecond: number;
  /** All turns that were answered rightly, those of the warm-up too. */
  readonly allTurns: number;
  readonly errors: number;
  readonly failures: readonly string[];
  /** Processor time of the generator's process, as a share of one core. */
  readonly cpuShare: number;
}

export interface LoadGenerator {
  run(target: HttpTarget, plan: LoadPlan): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts the generator's process. */
export function startLoadGenerator(): LoadGenerator {
  const child = new BenchChild({ entry: new URL("./load-process.ts", import.meta.url) });
  return {
    run: (target, plan) => child.ask<LoadResult>("run", { target, plan }),
    stop: () => child.stop(),
  };
}
