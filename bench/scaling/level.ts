import type { BenchCluster } from "../lib/cluster.ts";
import { ClusterLoad } from "../lib/cluster-load.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import { ownedCounts, partitionsOf, pause } from "../lib/cluster-views.ts";
import { type CheckResult, checkHistories } from "../lib/history-check.ts";
import type { PlacedAgents } from "../lib/placed-agents.ts";
import { cpuMs } from "../lib/process-cpu.ts";
import { type Spread, spreadOf } from "../lib/spread.ts";
import type { ScalingSettings } from "./settings.ts";

export interface Level {
  /** Nodes that work, and all that run. */
  readonly nodes: number;
  readonly processes: number;
  readonly turnsPerSecond: number;
  readonly turnMs: Spread;
  /** Processor time for each turn, in milliseconds: of the nodes that work, and of all engines. */
  readonly nodeCpuMs: number;
  readonly engineCpuMs: number;
  /** Processor time while there is nothing to do, in cores: of all nodes, and of all engines. */
  readonly idleNodeCores: number;
  readonly idleEngineCores: number;
  /** The load generator's own, in cores. */
  readonly loadCores: number;
  /** Partitions of each node at the end. */
  readonly owned: readonly number[];
  readonly failures: number;
  readonly check: CheckResult;
}

export interface LevelContext {
  readonly cluster: BenchCluster;
  readonly working: readonly ClusterNode[];
  readonly agents: PlacedAgents;
  readonly settings: ScalingSettings;
}

/** What the nodes that work get done while more is asked of them than they can do. */
export async function measureLevel(context: LevelContext): Promise<Level> {
  const { cluster, working, agents, settings } = context;
  const pids = () => working.map(({ pid }) => pid);
  const all = () => cluster.running.map(({ pid }) => pid);
  const engines = () => cluster.running.flatMap(({ enginePids }) => enginePids);
  const spent = (of: () => readonly number[]) => {
    const before = cpuMs(of());
    return () => cpuMs(of()) - before;
  };
  const idleNodes = spent(all);
  const idleEngines = spent(engines);
  await pause(settings.idleMs);
  const idleNodeCores = idleNodes() / settings.idleMs;
  const idleEngineCores = idleEngines() / settings.idleMs;

  const entries = working.map((node) => cluster.api(node));
  const conversations = settings.conversationsPerPartition * settings.partitions;
  const load = new ClusterLoad({ agents, conversations, thinkMs: 0, entries: () => entries });
  load.start();
  await pause(settings.warmupMs);
  const nodeCpu = spent(pids);
  const engineCpu = spent(engines);
  const own = process.cpuUsage();
  const from = performance.now();
  await pause(settings.runMs);
  const to = performance.now();
  const [nodeMs, engineMs] = [nodeCpu(), engineCpu()];
  const { user, system } = process.cpuUsage(own);
  const counts = ownedCounts(await partitionsOf(cluster.anyApi));
  await load.stop();
  const within = load.exchanges.filter(({ repliedAt }) => repliedAt >= from && repliedAt < to);
  return {
    nodes: working.length,
    processes: cluster.running.length,
    turnsPerSecond: within.length / ((to - from) / 1_000),
    turnMs: spreadOf(within.map(({ sentAt, repliedAt }) => repliedAt - sentAt)),
    nodeCpuMs: nodeMs / within.length,
    engineCpuMs: engineMs / within.length,
    idleNodeCores,
    idleEngineCores,
    loadCores: (user + system) / 1_000 / (to - from),
    owned: working.map(({ name }) => counts.get(name) ?? 0),
    failures: load.exchanges.filter(({ failures }) => failures > 0).length + load.wrong.length,
    check: await checkHistories(cluster.anyApi, load.expected()),
  };
}
