import type { BenchCluster } from "../lib/cluster.ts";
import { ClusterLoad } from "../lib/cluster-load.ts";
import { ownedCounts, partitionsOf, pause } from "../lib/cluster-views.ts";
import { type CheckResult, checkHistories } from "../lib/history-check.ts";
import type { PlacedAgents } from "../lib/placed-agents.ts";
import { cpuMs } from "../lib/process-cpu.ts";
import { type Spread, spreadOf } from "../lib/spread.ts";
import { letWork } from "./members.ts";
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
  readonly problems: Readonly<Record<string, number>>;
  readonly check: CheckResult;
}

export interface LevelContext {
  readonly cluster: BenchCluster;
  readonly agents: PlacedAgents;
  readonly settings: ScalingSettings;
}

const calmMs = 2_000;

/** What so many nodes get done while more is asked of them than they can do. */
export async function measureLevel(
  { cluster, agents, settings }: LevelContext,
  count: number,
): Promise<Level> {
  const { partitions, conversationsPerPartition } = settings;
  const conversations = conversationsPerPartition * partitions;
  const entries = () =>
    cluster.nodes
      .slice(0, count)
      .filter(({ isReady }) => isReady)
      .map((node) => cluster.api(node));
  const load = new ClusterLoad({ agents, conversations, thinkMs: 0, entries });
  // Partitions are placed by what they cost, so the load is there before the nodes share them.
  load.start();
  const working = await letWork(cluster, count, partitions);
  await pause(settings.warmupMs);
  const pids = () => working.map(({ pid }) => pid);
  const all = () => cluster.running.map(({ pid }) => pid);
  const engines = () => cluster.running.flatMap(({ enginePids }) => enginePids);
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
  await pause(calmMs);
  const idleNodes = spent(all);
  const idleEngines = spent(engines);
  await pause(settings.idleMs);
  const idleNodeCores = idleNodes() / settings.idleMs;
  const idleEngineCores = idleEngines() / settings.idleMs;
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
    problems: load.problems(),
    check: await checkHistories(cluster.anyApi, load.expected()),
  };
}

/** Processor time of processes from now until the function that it gives is called, in milliseconds. */
function spent(of: () => readonly number[]): () => number {
  const before = cpuMs(of());
  return () => cpuMs(of()) - before;
}
