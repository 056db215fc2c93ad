import type { BenchCluster } from "../lib/cluster.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import { nodesOf, ownedCounts, partitionsOf, until } from "../lib/cluster-views.ts";

const balanceTimeoutMs = 180_000;

/**
 * Lets so many nodes work: more join, others are drained, and those that work own as many partitions each.
 * Errors: the partitions are not even after three minutes.
 */
export async function letWork(
  cluster: BenchCluster,
  count: number,
  partitions: number,
): Promise<readonly ClusterNode[]> {
  while (cluster.nodes.length < count) await cluster.join("compute");
  const working = cluster.nodes.slice(0, count);
  const states = new Map((await nodesOf(cluster.anyApi)).map(({ node, state }) => [node, state]));
  for (const node of working) {
    if (states.get(node.name) === "draining") await cluster.change(node, "activate");
  }
  for (const node of cluster.nodes.slice(count)) {
    if (states.get(node.name) !== "draining") await cluster.change(node, "drain");
  }
  const share = partitions / count;
  await until(`${count} nodes have ${share} partitions each`, balanceTimeoutMs, async () => {
    const counts = ownedCounts(await partitionsOf(cluster.anyApi));
    const isEven = working.every(({ name }) => counts.get(name) === share);
    return isEven || [...counts].map(([name, owned]) => `${name}: ${owned}`).join(", ");
  });
  await cluster.untilHealthy({ mayLag: true });
  return working;
}
