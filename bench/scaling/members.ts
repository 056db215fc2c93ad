import type { BenchCluster } from "../lib/cluster.ts";
import type { ClusterNode } from "../lib/cluster-node.ts";
import { nodesOf, ownedCounts, partitionsOf, until } from "../lib/cluster-views.ts";

const shareTimeoutMs = 180_000;
const evenTimeoutMs = 45_000;

/**
 * Lets so many nodes work: more join, others are drained. Waits until those that work own as many partitions
 * each, but not for long: with more to do than they can all nodes are equally busy, whatever they own. Errors: one of them owns nothing after three minutes.
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
  await until(`${count} nodes share the partitions`, shareTimeoutMs, async () => {
    const counts = ownedCounts(await partitionsOf(cluster.anyApi));
    const areOthersEmpty = counts.size === working.length;
    return (areOthersEmpty && working.every(({ name }) => counts.has(name))) || shown(counts);
  });
  const even = until(`${count} nodes own as many each`, evenTimeoutMs, async () => {
    const counts = ownedCounts(await partitionsOf(cluster.anyApi));
    return [...counts.values()].every((owned) => owned === partitions / count) || shown(counts);
  });
  await even.catch((thrown: unknown) => console.error(String(thrown)));
  await cluster.untilHealthy({ mayLag: true });
  return working;
}

function shown(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, owned]) => `${name}: ${owned}`).join(", ");
}
