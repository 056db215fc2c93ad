import type { BenchCluster } from "../lib/cluster.ts";
import type { ClusterLoad, Exchange } from "../lib/cluster-load.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import { ownedCounts, partitionsOf, pause, until } from "../lib/cluster-views.ts";
import type { PlacedAgents } from "../lib/placed-agents.ts";
import type { FailoverSettings, Kind } from "./settings.ts";

/** A reply this soon after the kill was on its way before: no other node can have noticed by then. */
const inFlightMs = 50;
const recoveryTimeoutMs = 60_000;

export interface Round {
  readonly kind: Kind;
  readonly node: string;
  readonly partitions: number;
  /** For each affected conversation: from the kill to its first correct reply. */
  readonly recoveryMs: readonly number[];
  /** Affected conversations without a reply in a minute. */
  readonly missing: number;
  /** From the start of the killed process until the cluster was healthy again. */
  readonly healedMs: number;
}

export interface RoundContext {
  readonly cluster: BenchCluster;
  readonly load: ClusterLoad;
  readonly agents: PlacedAgents;
  readonly settings: FailoverSettings;
  /** Nodes that clients use; this function changes it. */
  readonly setEntries: (nodes: readonly ClusterNode[]) => void;
}

/** Hits one node while load goes on, waits for all conversations it served, and heals the cluster. */
export async function runRound(context: RoundContext, kind: Kind): Promise<Round> {
  const { cluster, load, agents, settings, setEntries } = context;
  setEntries(cluster.running);
  await pause(settings.loadMs);
  const victim = await chooseVictim(cluster, kind);
  if (kind === "paused") {
    // A client of a paused node waits for its own timeout, which is no figure of the platform.
    setEntries(cluster.running.filter((node) => node !== victim));
    const api = cluster.api(victim);
    await until("no client uses the victim", 90_000, async () => load.openAt(api) === 0 || "some");
  }
  const other = cluster.running.find((node) => node !== victim) ?? victim;
  const partitions = (await partitionsOf(cluster.api(other)))
    .filter(({ owner }) => owner === victim.name)
    .map(({ partition }) => partition);
  const affected = new Set<number>();
  for (let number = 0; number < settings.conversations; number += 1) {
    if (partitions.includes(agents.partitionOf(number))) affected.add(number);
  }
  const recovery = watchRecovery(load, affected);
  recovery.begin();
  if (kind === "paused") {
    victim.signal("SIGSTOP");
    setTimeout(() => victim.signal("SIGCONT"), settings.pausedMs);
  } else {
    await victim.kill({ alsoEngine: kind === "store" });
    setEntries(cluster.running);
  }
  const pausedUntil = performance.now() + settings.pausedMs;
  const recoveryMs = await recovery.done;
  const healingFrom = performance.now();
  if (kind === "paused") await pause(Math.max(0, pausedUntil - performance.now()));
  else await victim.start();
  await cluster.untilHealthy({ mayLag: true });
  const healedMs = performance.now() - healingFrom;
  const missing = affected.size - recoveryMs.length;
  return {
    kind,
    node: victim.name,
    partitions: partitions.length,
    recoveryMs,
    missing,
    healedMs,
  };
}

/** The node of the kind that owns most. Errors: none owns anything for two minutes. */
async function chooseVictim(cluster: BenchCluster, kind: Kind): Promise<ClusterNode> {
  let victim: ClusterNode | undefined;
  await until(`a node to hit (${kind}) owns partitions`, 120_000, async () => {
    const coordinator = await cluster.coordinator();
    const counts = ownedCounts(await partitionsOf(cluster.anyApi));
    const owns = (node: ClusterNode) => counts.get(node.name) ?? 0;
    const eligible = cluster.running.filter((node) => {
      if (owns(node) === 0) return false;
      if (kind === "coordinator") return node === coordinator;
      return node !== coordinator && (kind === "paused" || node.role === kind);
    });
    victim = eligible.toSorted((a, b) => owns(b) - owns(a))[0];
    return victim !== undefined || [...counts].join(" ");
  });
  return victim as ClusterNode;
}

/** Notes the first reply of each conversation after `begin`; `done` resolves when each has one, or in a minute. */
function watchRecovery(load: ClusterLoad, affected: ReadonlySet<number>) {
  const found = new Map<number, number>();
  const all = Promise.withResolvers<readonly number[]>();
  let from = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const finish = () => {
    clearTimeout(timer);
    forget();
    all.resolve([...found.values()]);
  };
  const forget = load.onReply(({ conversation, repliedAt }: Exchange) => {
    const ms = repliedAt - from;
    if (ms < inFlightMs || !affected.has(conversation) || found.has(conversation)) return;
    found.set(conversation, ms);
    if (found.size === affected.size) finish();
  });
  return {
    begin() {
      from = performance.now();
      timer = setTimeout(finish, recoveryTimeoutMs);
    },
    done: all.promise,
  };
}
