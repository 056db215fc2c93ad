import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentRef, partitionOf } from "@holdfast/core";
import { killHard } from "../lib/node-process.ts";
import { ServerProcess } from "../lib/server-process.ts";
import type { Contender, RunningContender, StartOptions, Workload } from "./contender.ts";
import { agentOf, declareAgents, holdfastArgs } from "./holdfast-agents.ts";
import { hasNothingPending, readHistory } from "./holdfast-state.ts";
import { callApi, type PeerApi } from "./peer-api.ts";
import { organization } from "./workload.ts";

const readyTimeoutMs = 120_000;

/** What `holdfast dev` writes to DIR/dev.json. */
interface DevFile {
  readonly nodes: readonly DevNode[];
  /** The administrator's token. */
  readonly token: string;
  /** Path of the authority's certificate. */
  readonly ca: string;
}

interface DevNode {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly natsPid?: number | null;
}

/** Three nodes on this machine, as `holdfast dev --nodes 3` starts them. */
export function holdfastCluster(workload: Workload): Contender {
  return {
    name: "holdfast-3",
    workload,
    settings:
      "`holdfast dev --nodes 3`, three replicas of everything, default settings, TLS everywhere; connections " +
      "go to the nodes in turn; the kill ends one node for good, the others take over",
    start: (options) => start(workload, options),
  };
}

async function start(workload: Workload, options: StartOptions): Promise<RunningContender> {
  const dir = join(options.folder, "dev");
  const file = join(dir, "dev.json");
  const dev = new ServerProcess({
    command: process.execPath,
    args: holdfastArgs("dev", "--nodes", "3", "--dir", dir),
    log: join(options.folder, "dev.log"),
    env: { ...process.env, HOLDFAST_LOG_LEVEL: "error" },
  });
  let known: DevFile;
  try {
    known = await dev.until(() => readDevFile(file), readyTimeoutMs);
  } catch (cause) {
    await dev.stop();
    throw new Error(`not available: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const ca = readFileSync(known.ca, "utf8");
  const apiOf = ({ url }: DevNode): PeerApi => ({ url, token: known.token, ca, caFile: known.ca });
  let alive = known.nodes;
  const stop = async () => {
    await dev.stop();
    for (const { pid, natsPid } of known.nodes) {
      killHard(pid);
      if (natsPid) killHard(natsPid);
    }
  };
  try {
    const first = firstOf(alive);
    const base = await declareAgents(apiOf(first), workload, options);
    return {
      version: `${known.nodes.length} nodes`,
      target: () => ({ ...base, urls: known.nodes.map(({ url }) => url) }),
      pids: () => alive.flatMap(({ pid, natsPid }) => (natsPid ? [pid, natsPid] : [pid])),
      async kill(scope, conversation) {
        const victim = await ownerOf(apiOf(first), known.nodes, agentOf(workload, conversation));
        killHard(victim.pid);
        if (scope === "all" && victim.natsPid) killHard(victim.natsPid);
        alive = alive.filter((node) => node !== victim);
      },
      async isIdle() {
        const idle = await Promise.all(alive.map((node) => hasNothingPending(apiOf(node))));
        return idle.every(Boolean);
      },
      history: (conversation) => readHistory(apiOf(firstOf(alive)), workload, conversation),
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** When the file is whole. */
function readDevFile(file: string): DevFile | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as DevFile) : undefined;
}

function firstOf(nodes: readonly DevNode[]): DevNode {
  const [first] = nodes;
  if (!first) throw new Error("dev.json names no nodes");
  return first;
}

interface Partition {
  readonly partition: number;
  readonly owner?: string;
}

/** The node that owns an agent's conversations; the last one when the nodes do not tell. */
async function ownerOf(api: PeerApi, nodes: readonly DevNode[], agent: string): Promise<DevNode> {
  try {
    const path = "/api/v1/partitions?limit=1000";
    const { items } = await callApi<{ items: Partition[] }>(api, "GET", path);
    const ref = { organization, agent } as AgentRef;
    const number = partitionOf(ref, items.length);
    const name = items.find(({ partition }) => partition === number)?.owner;
    const owner = nodes.find((node) => node.name === name);
    if (owner) return owner;
    throw new Error(`no node owns partition ${number}`);
  } catch (thrown) {
    console.error(`  the owner is not known, the last node is killed instead: ${String(thrown)}`);
    return firstOf(nodes.slice(-1));
  }
}
