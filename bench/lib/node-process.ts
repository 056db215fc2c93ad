import { commandFlags } from "./command-flags.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ApiClient } from "./api-client.ts";
import { BenchChild } from "./child.ts";
import { type ProcessMemory, processMemory } from "./process-memory.ts";

interface EngineProcess {
  readonly role: string;
  readonly pid: number;
}

export interface NodeMemory extends ProcessMemory {
  /** After forced collections. */
  readonly heapUsed: number;
  /** What the heap has reserved for them. */
  readonly heapTotal: number;
  readonly external: number;
  /** Resident after forced collections. */
  readonly rssCollected: number;
}

/** A node that runs in its own process, with its own engine. */
export interface BenchNode {
  readonly pid: number;
  readonly url: string;
  readonly engine: readonly EngineProcess[];
  /** Of nats-server. */
  readonly engineVersion: string;
  readonly api: ApiClient;
  memory(): Promise<NodeMemory>;
  /** In good order. */
  stop(): Promise<void>;
  /** kill -9, and of its engine's processes too when asked. */
  kill(alsoEngine: boolean): Promise<void>;
  /** Writes a heap snapshot. */
  snapshot(file: string): Promise<void>;
}

/** Starts a node on a data folder; resolves as soon as its API listens. */
export async function startBenchNode(
  home: string,
  env: NodeJS.ProcessEnv = {},
): Promise<BenchNode> {
  const child = new BenchChild({
    entry: new URL("./node-child.ts", import.meta.url),
    env: { HOLDFAST_LOG_LEVEL: "error", ...env, HOLDFAST_HOME: home },
    nodeFlags: ["--expose-gc", ...commandFlags(), ...nodeFlags()],
  });
  const { url, engine } = await child.ask<Started>("start");
  const token = readFileSync(join(home, "admin-token"), "utf8").trim();
  const api = new ApiClient(url, token);
  return {
    pid: child.pid,
    url,
    engine: engine.processes,
    engineVersion: engine.version,
    api,
    memory: () => memoryOf(child),
    async stop() {
      api.close();
      await child.stop();
    },
    async kill(alsoEngine) {
      api.close();
      const gone = child.kill();
      if (alsoEngine) for (const { pid } of engine.processes) killHard(pid);
      await gone;
    },
    async snapshot(file) {
      await child.ask("snapshot", file);
    },
  };
}

interface Started {
  readonly url: string;
  readonly engine: { readonly version: string; readonly processes: readonly EngineProcess[] };
}

/** More flags of the node's process, e.g. BENCH_NODE_FLAGS="--cpu-prof --cpu-prof-dir=/tmp/profile". */
function nodeFlags(): string[] {
  return process.env["BENCH_NODE_FLAGS"]?.split(" ") ?? [];
}

/** Seconds until no message waits for its answer. Errors: some stay unanswered for five minutes. */
export async function untilAnswered({ api }: BenchNode): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const left = await api.metric("holdfast_messages_pending");
    const lag = await api.metric("holdfast_inbox_lag_records");
    const seconds = (performance.now() - startedAt) / 1_000;
    if (left === 0 && lag === 0) return seconds;
    if (seconds > 300) throw new Error(`${left} messages stay unanswered, lag ${lag}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Ends what a killed node left behind, should no later start have ended it. */
export function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

async function memoryOf(child: BenchChild): Promise<NodeMemory> {
  const { rss } = processMemory(child.pid);
  const heap = await child.ask<Omit<NodeMemory, keyof ProcessMemory | "rssCollected">>("memory");
  const after = processMemory(child.pid);
  return { ...heap, rss, peak: after.peak, rssCollected: after.rss };
}
