import { HoldfastError } from "@holdfast/core";
import type {
  AuthorityNode,
  AuthorityStatus,
  ClusterNode,
  Operation,
  PartitionStatus,
} from "../operators.ts";
import type { Incoming, Outcome } from "./incoming.ts";

/** A cluster whose changes go one step further each time that somebody looks. */
export interface FakeCluster {
  nodes: ClusterNode[];
  partitions: PartitionStatus[];
  operation: Operation | undefined;
  /** Whether an operation under way fails in place of going on. */
  operationFails: boolean;
  authority: Omit<AuthorityStatus, "nodes">;
  /** The generation that each node has taken over. */
  readonly confirmed: Map<string, number>;
  /** Nodes that stay where they are. */
  readonly stuck: Set<string>;
  /** Only store nodes do that: this node points to these. */
  storeUrls: readonly string[] | undefined;
}

export function createFakeCluster(): FakeCluster {
  const names = ["n-1", "n-2", "n-3"];
  return {
    nodes: names.map(fakeNodeOf),
    partitions: [0, 1, 2, 3].map((partition) =>
      partitionAt(partition, names[partition % 3] ?? "n-1", 1),
    ),
    operation: undefined,
    operationFails: false,
    authority: {
      cluster: "hf-0123456789abcdef",
      phase: "stable",
      active: "a".repeat(64),
      generation: 1,
      bundle: ["-----BEGIN CERTIFICATE-----"],
    },
    confirmed: new Map(names.map((name) => [name, 1])),
    stuck: new Set(),
    storeUrls: undefined,
  };
}

function fakeNodeOf(name: string, index: number): ClusterNode {
  return {
    node: name,
    role: index < 3 ? "store" : "compute",
    state: "active",
    presence: "alive",
    isCoordinator: index === 0,
    url: `https://10.0.0.${index + 1}:7400`,
    version: "0.1.0",
    zone: `zone-${index + 1}`,
    labels: {},
    capacity: 1,
    engine: { host: `10.0.0.${index + 1}`, clientPort: 7422, routePort: 7423 },
    joinedAt: 1_700_000_000_000 + index,
    silentMs: 120,
    ownedPartitions: 0,
    lag: 0,
    load: {
      cpu: 0.5,
      cores: 4,
      memoryBytes: 300 * 1024 * 1024,
      memoryLimitBytes: 4 * 1024 ** 3,
      loopDelayMs: 1.25,
      turnsInFlight: 7,
      turnCapacity: 2_048,
      turnLatencyMs: 30,
      turnsPerSecond: 12.5,
      roundTripMs: 0.8,
    },
  };
}

function partitionAt(partition: number, owner: string, epoch: number): PartitionStatus {
  const work = { lag: 2, activeConversations: 3, turnsInFlight: 1, turnsPerSecond: 4.5 };
  return { partition, owner: owner as PartitionStatus["owner"], epoch, isOpen: true, ...work };
}

/** Undefined for addresses of other kinds. */
export function clusterRoutes(cluster: FakeCluster, incoming: Incoming): Outcome {
  const { request, url, body } = incoming;
  const isRead = request.method === "GET";
  const [kind, name, action] = url.pathname.replace("/api/v1/", "").split("/");
  if (kind === "partitions") {
    moveOne(cluster);
    return { status: 200, body: { items: cluster.partitions } };
  }
  if (kind === "nodes" && isRead) {
    return { status: 200, body: name ? shown(cluster, name) : { items: allShown(cluster) } };
  }
  if (kind !== "nodes" && kind !== "operation" && kind !== "authority") return undefined;
  if (cluster.storeUrls) {
    const details = cluster.storeUrls.map((message) => ({ path: "url", message }));
    throw new HoldfastError("store_node_required", "Only store nodes can do that.", { details });
  }
  if (kind === "operation") {
    const operation = cluster.operation ?? null;
    goOn(cluster);
    return { status: 200, body: { operation } };
  }
  if (kind === "authority") {
    if (!isRead) changeAuthority(cluster, name ?? "");
    return { status: 200, body: authorityStatus(cluster, isRead) };
  }
  if (request.method === "DELETE") return remove(cluster, url.searchParams);
  if (action === "replace") return replace(cluster, name ?? "", body as { dryRun?: boolean });
  const state = action === "drain" ? "draining" : "active";
  change(cluster, name ?? "", { state });
  return { status: 202, body: { node: name, state } };
}

function allShown(cluster: FakeCluster): ClusterNode[] {
  return cluster.nodes.map(({ node }) => shown(cluster, node));
}

function shown(cluster: FakeCluster, name: string): ClusterNode {
  const own = cluster.partitions.filter(({ owner }) => owner === name);
  const lag = own.reduce((sum, each) => sum + each.lag, 0);
  return { ...found(cluster, name), ownedPartitions: own.length, lag };
}

function found(cluster: FakeCluster, name: string): ClusterNode {
  const node = cluster.nodes.find((each) => each.node === name);
  if (node) return node;
  throw new HoldfastError("node_not_found", `There is no node "${name}".`);
}

function change(cluster: FakeCluster, name: string, to: Partial<ClusterNode>): void {
  const changed = { ...found(cluster, name), ...to };
  cluster.nodes = cluster.nodes.map((each) => (each.node === name ? changed : each));
}

function moveOne(cluster: FakeCluster): void {
  const { nodes, partitions, stuck } = cluster;
  const leaving = nodes.filter(({ state, node }) => state === "draining" && !stuck.has(node));
  const to = nodes.find(({ state }) => state === "active");
  const at = partitions.findIndex(({ owner }) => leaving.some(({ node }) => node === owner));
  const moved = partitions[at];
  if (!moved || !to) return;
  cluster.partitions = partitions.with(at, partitionAt(moved.partition, to.node, moved.epoch + 1));
}

function remove(cluster: FakeCluster, query: URLSearchParams): Outcome {
  const names = query.getAll("node");
  for (const name of names) {
    const { presence } = found(cluster, name);
    if (presence === "alive" && !query.has("force")) {
      throw new HoldfastError("node_alive", `Node ${name} still runs.`);
    }
  }
  cluster.nodes = cluster.nodes.filter(({ node }) => !names.includes(node));
  return { status: 204 };
}

function replace(cluster: FakeCluster, name: string, body: { dryRun?: boolean }): Outcome {
  if (found(cluster, name).presence === "alive") {
    throw new HoldfastError("node_alive", `Node ${name} lives.`);
  }
  const steps = [
    {
      text: `The 9 replicas of ${name} are made anew on n-3, one stream after another.`,
      reason: "One copy less is left of each stream: the next failure could stop writes.",
    },
    { text: `${name} leaves the cluster.`, reason: "Its certificates must open nothing any more." },
  ];
  if (body.dryRun) return { status: 200, body: { steps } };
  cluster.operation = {
    kind: "replace",
    phase: "copying",
    node: name,
    done: 0,
    total: 3,
    stream: "HF_LOG_0",
    message: `the replicas of ${name} are made anew`,
    startedAt: 1_700_000_000_000,
  };
  return { status: 202, body: { steps } };
}

function goOn(cluster: FakeCluster): void {
  const { operation } = cluster;
  if (operation?.phase !== "copying") return;
  if (cluster.operationFails) {
    const error = { code: "store_quorum_at_risk", message: "Stream HF_LOG_1 has no majority." };
    const message = "the replacement stopped and may be started again";
    cluster.operation = { ...operation, phase: "failed", message, error };
    return;
  }
  const done = operation.done + 1;
  const isDone = done >= operation.total;
  cluster.operation = {
    ...operation,
    done,
    stream: `HF_LOG_${done}`,
    phase: isDone ? "done" : "copying",
    message: isDone
      ? `${operation.node} is replaced`
      : `${done} of ${operation.total} streams are done`,
  };
}

/** Reading lets one more node take the generation over. */
function authorityStatus(cluster: FakeCluster, isRead: boolean): AuthorityStatus {
  const { authority, confirmed, stuck } = cluster;
  const nodes = cluster.nodes.map(({ node, presence }): AuthorityNode => {
    const generation = confirmed.get(node);
    const isConfirmed = generation !== undefined && generation >= authority.generation;
    return { node, presence, ...(generation !== undefined && { generation }), isConfirmed };
  });
  const next = nodes.find(({ node, isConfirmed }) => !isConfirmed && !stuck.has(node));
  if (isRead && next) confirmed.set(next.node, authority.generation);
  return { ...authority, nodes };
}

function changeAuthority(cluster: FakeCluster, step: string): void {
  const { phase, generation, active, next, previous, ...rest } = cluster.authority;
  const allowed: Record<string, string[]> = {
    stable: ["begin"],
    distributing: ["sign", "rollback"],
    signing: ["retire", "rollback"],
    reverting: ["retire"],
  };
  if (!allowed[phase]?.includes(step)) {
    throw new HoldfastError("authority_phase", `The authority is ${phase}, not ready to ${step}.`);
  }
  const waits = authorityStatus(cluster, false).nodes.filter(
    (node) => node.presence === "alive" && !node.isConfirmed,
  );
  if (step !== "rollback" && waits.length > 0) {
    throw new HoldfastError("authority_unconfirmed", "The next step waits for nodes.");
  }
  const after = { ...rest, generation: generation + 1 };
  if (step === "begin") {
    cluster.authority = { ...after, phase: "distributing", active, next: "b".repeat(64) };
  } else if (step === "sign") {
    cluster.authority = { ...after, phase: "signing", active: next ?? "", previous: active };
  } else if (step === "rollback" && phase === "signing") {
    cluster.authority = { ...after, phase: "reverting", active: previous ?? "", previous: active };
  } else cluster.authority = { ...after, phase: "stable", active };
}
