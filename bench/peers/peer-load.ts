import { BenchChild } from "../lib/child.ts";
import type { LoadPlan, LoadResult } from "../lib/load.ts";
import type { PeerTarget } from "./peer-request.ts";

export interface PeerLoad {
  run(target: PeerTarget, plan: LoadPlan): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts the generator's process. */
export function startPeerLoad(): PeerLoad {
  const child = new BenchChild({ entry: new URL("./load-process.ts", import.meta.url) });
  return {
    run: (target, plan) => child.ask<LoadResult>("run", { target, plan }),
    stop: () => child.stop(),
  };
}
