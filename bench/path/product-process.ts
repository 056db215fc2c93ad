import { limits } from "@holdfast/core";
import { startNode, type RunningNode } from "@holdfast/server";
import { answerParent } from "../lib/child.ts";
import type { LoadPlan } from "../lib/load.ts";
import { runInProcess } from "./in-process-source.ts";
import { agents, organization } from "./workload.ts";

export interface ProductOptions {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Instead of the limit of that name, to find its best value. */
  readonly appendsInFlight: number | undefined;
}

export interface Product {
  readonly url: string;
  readonly tokens: readonly string[];
}

/** Tokens of the load: each has its own rate limit. */
const tokenCount = 4;

/** The product: a whole node, as `holdfast up` starts it. */
let node: RunningNode | undefined;
answerParent({ start, runInProcess: runSource, cpu: () => process.cpuUsage() }, async () => {
  await node?.close();
});

async function start({ home, env, appendsInFlight }: ProductOptions): Promise<Product> {
  if (appendsInFlight !== undefined) Object.assign(limits, { appendsInFlight });
  node = await startNode({ home, host: "127.0.0.1", port: 0, env: { ...process.env, ...env } });
  const { url, adminToken = "" } = node;
  const post = async <Answer>(path: string, body: unknown): Promise<Answer> => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  };
  await post("/api/v1/apply", {
    resources: [
      { kind: "Organization", name: organization },
      ...agents.map((name) => ({
        kind: "Agent",
        organization,
        name,
        instructions: "Answer what you are asked.",
        model: "demo/echo",
      })),
    ],
  });
  const tokens: string[] = [];
  for (let number = 0; number < tokenCount; number += 1) {
    const path = `/api/v1/orgs/${organization}/tokens`;
    const { token } = await post<{ token: string }>(path, { name: `load ${number}` });
    tokens.push(token);
  }
  return { url, tokens };
}

function runSource(plan: LoadPlan) {
  if (!node) throw new Error("the node was not started");
  return runInProcess(node.conversations, plan);
}
