import type { BenchCluster } from "../lib/cluster.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import { ownedCounts, partitionsOf, until } from "../lib/cluster-views.ts";

/** A node that was killed under load; times of `performance.now()`. */
export interface Kill {
  readonly node: ClusterNode;
  readonly at: number;
  /** When every partition had a living owner again, who works on it. */
  readonly healedAt: number;
}

/** kill -9 of a node and of its engine, as when its machine loses power: of the one with most partitions. */
export async function killOne(cluster: BenchCluster): Promise<Kill> {
  const counts = ownedCounts(await partitionsOf(cluster.anyApi));
  const mayDie = cluster.running.filter(({ role }) => role === "compute" || hasMajorityWithoutIt());
  const [node] = mayDie.toSorted((a, b) => (counts.get(b.name) ?? 0) - (counts.get(a.name) ?? 0));
  if (!node) throw new Error("No node may be killed.");
  const at = performance.now();
  await node.kill({ alsoEngine: true });
  const alive = new Set(cluster.running.map(({ name }) => name));
  await until("every partition has a living owner", 120_000, async () => {
    const lost = (await partitionsOf(cluster.anyApi)).filter(
      ({ owner, isOpen }) => owner === undefined || !alive.has(owner) || !isOpen,
    );
    return lost.length === 0 || `${lost.length} have none`;
  });
  return { node, at, healedAt: performance.now() };

  function hasMajorityWithoutIt(): boolean {
    return cluster.running.filter(({ role }) => role === "store").length >= 3;
  }
}
