import { join } from "node:path";
import { BenchChild } from "../../../bench/lib/child.ts";
import type { LoadCounts, LoadOptions } from "./run-load.ts";
import type { StubOptions, Trouble } from "./run-stub.ts";

/** The stub model and tools as seen by the tests. */
export interface Stub {
  readonly modelUrl: string;
  readonly toolUrl: string;
  readonly effectsFile: string;
  trouble(kind: Trouble): Promise<void>;
  stop(): Promise<void>;
}

/** `host` is where the nodes reach it. */
export async function startStub(folder: string, options: Partial<StubOptions> = {}): Promise<Stub> {
  const effectsFile = join(folder, "effects.jsonl");
  const child = new BenchChild({ entry: new URL("./run-stub.ts", import.meta.url) });
  const { modelUrl, toolUrl } = await child.ask<{ modelUrl: string; toolUrl: string }>("start", {
    host: "127.0.0.1",
    tokensPerSecond: 50,
    tokens: 10,
    toolMs: 20,
    effectsFile,
    ...options,
  } satisfies StubOptions);
  return {
    modelUrl,
    toolUrl,
    effectsFile,
    trouble: (kind) => child.ask("trouble", kind),
    stop: () => child.stop(),
  };
}

export interface Traffic {
  readonly recordFile: string;
  counts(): Promise<LoadCounts>;
  /** Ends the load; resolves when every operation has its answer or was given up. */
  finish(): Promise<LoadCounts>;
  stop(): Promise<void>;
}

export type TrafficOptions = Pick<
  LoadOptions,
  "nodes" | "token" | "seed" | "conversations" | "agents"
> &
  Partial<LoadOptions>;

export async function startTraffic(folder: string, options: TrafficOptions): Promise<Traffic> {
  const recordFile = options.recordFile ?? join(folder, "traffic.jsonl");
  const child = new BenchChild({ entry: new URL("./run-load.ts", import.meta.url) });
  await child.ask("start", {
    ratePerSecond: 40,
    payShare: 0.1,
    safeShare: 0.1,
    submitShare: 0.2,
    attemptTimeoutMs: 8_000,
    giveUpAfterMs: 120_000,
    recordFile,
    ...options,
  } satisfies LoadOptions);
  return {
    recordFile,
    counts: () => child.ask<LoadCounts>("counts"),
    finish: () => child.ask<LoadCounts>("finish"),
    stop: () => child.stop(),
  };
}

/** Agents that spread over all partitions, with the stub's model and both tools. */
export function trafficResources(
  stub: Pick<Stub, "modelUrl" | "toolUrl">,
  agents: number,
  modelTimeoutMs?: number,
) {
  const tool = (name: string, idempotent: boolean) => ({
    type: "http",
    name,
    description: `The tool ${name}.`,
    parameters: {
      type: "object",
      properties: { mark: { type: "string" } },
      required: ["mark"],
    },
    method: "POST",
    url: `${stub.toolUrl}/${name}/{mark}`,
    idempotent,
  });
  const organization = "traffic";
  const names = Array.from({ length: agents }, (_, index) => `a${index}`);
  return {
    agents: names.map((name) => `${organization}/${name}`),
    resources: [
      { kind: "Organization", name: organization },
      {
        kind: "Provider",
        organization,
        name: "stub",
        type: "openai-compatible",
        baseUrl: stub.modelUrl,
        ...(modelTimeoutMs !== undefined && { timeoutMs: modelTimeoutMs }),
      },
      ...names.map((name) => ({
        kind: "Agent",
        organization,
        name,
        model: "stub/stub",
        tools: [tool("pay", false), tool("safe", true)],
      })),
    ],
  };
}
