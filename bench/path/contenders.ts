import { commandFlags } from "../lib/command-flags.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { limits } from "@holdfast/core";
import { BenchChild } from "../lib/child.ts";
import type { Engines } from "../lib/engines.ts";
import type { HttpTarget, LoadGenerator, LoadPlan, LoadResult } from "../lib/load.ts";
import type { Product, ProductOptions } from "./product-process.ts";
import type { BaselineOptions } from "./baseline-process.ts";
import { apiPaths } from "./workload.ts";
import { startRestate } from "./restate.ts";

/** Something whose turns are counted. */
export interface Contender {
  readonly name: string;
  /** Its own process; without the engines. */
  readonly pid?: number;
  run(plan: LoadPlan): Promise<LoadResult>;
}

export interface Running {
  readonly contenders: readonly Contender[];
  stop(): Promise<void>;
}

export interface PathOptions {
  /** Scratch folder of this run. */
  readonly folder: string;
  readonly engines: Engines;
  readonly load: LoadGenerator;
  /** The node's own default when absent. */
  readonly partitions: number | undefined;
  /** Instead of the limit of that name. */
  readonly appendsInFlight: number | undefined;
  /** Folder for the CPU profile of the node, when one is wanted. */
  readonly profileFolder: string | undefined;
}

/** Used by the baseline when the node uses its own default. */
const defaultPartitions = 4;

/** The node, over HTTP and from inside its process. */
export async function startProduct(options: PathOptions): Promise<Running> {
  const { folder, engines, load, partitions, profileFolder } = options;
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  const child = new BenchChild({
    entry: new URL("./product-process.ts", import.meta.url),
    nodeFlags: [
      ...commandFlags(),
      ...(profileFolder ? ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`] : []),
    ],
  });
  const input: ProductOptions = {
    home,
    appendsInFlight: options.appendsInFlight,
    env: {
      ...engines.env,
      HOLDFAST_LOG_LEVEL: "error",
      ...(partitions !== undefined && { HOLDFAST_PARTITIONS: String(partitions) }),
    },
  };
  try {
    const { url, tokens } = await child.ask<Product>("start", input);
    const target: HttpTarget = {
      url,
      paths: apiPaths,
      headers: tokens.map((token) => `authorization: Bearer ${token}\r\nprefer: wait=60\r\n`),
    };
    return {
      contenders: [
        { name: "product", pid: child.pid, run: (plan) => load.run(target, plan) },
        {
          name: "in-process",
          pid: child.pid,
          run: (plan) => child.ask<LoadResult>("runInProcess", plan),
        },
      ],
      stop: () => child.stop(),
    };
  } catch (thrown) {
    await child.stop();
    throw thrown;
  }
}

/** Baseline (a): the same appends and reads on the same engines by a bare `node:http` handler. */
export async function startBaseline(options: PathOptions): Promise<Running> {
  const { engines, load, partitions = defaultPartitions } = options;
  const child = new BenchChild({ entry: new URL("./baseline-process.ts", import.meta.url) });
  const { servers, user, password, replicas } = engines;
  const { appendsInFlight = limits.appendsInFlight } = options;
  const input: BaselineOptions = { servers, user, password, replicas, partitions, appendsInFlight };
  try {
    const { url } = await child.ask<{ url: string }>("start", input);
    const target: HttpTarget = { url, paths: apiPaths, headers: [] };
    return {
      contenders: [{ name: "baseline", pid: child.pid, run: (plan) => load.run(target, plan) }],
      stop: () => child.stop(),
    };
  } catch (thrown) {
    await child.stop();
    throw thrown;
  }
}

/** Baseline (b). */
export async function startRestateContender(folder: string, load: LoadGenerator): Promise<Running> {
  const restate = await startRestate(folder);
  return {
    contenders: [{ name: "restate", run: (plan) => load.run(restate.target, plan) }],
    stop: () => restate.stop(),
  };
}
