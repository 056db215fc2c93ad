import type { NodeId } from "../ids.ts";
import type { PlacementInput, PlacementMove } from "./types.ts";

/**
 * Gives available nodes that have nothing their share of the partitions by count, from the nodes that have
 * most. The planner leaves such a node empty when the hottest one would not get cooler, as with 16 equal
 * partitions on four nodes and a fifth that joins; but it is there to work, and to have little to lose when
 * one of the others dies.
 */
export function fillEmptyNodes({ nodes, partitions, policy }: PlacementInput): PlacementMove[] {
  const held = new Map<NodeId, number[]>(
    nodes.filter(({ isAvailable }) => isAvailable).map(({ node }) => [node, []]),
  );
  const movable = new Set<number>();
  for (const { partition, owner, isMovable, requires } of partitions) {
    if (owner !== undefined) held.get(owner)?.push(partition);
    if (isMovable && Object.keys(requires).length === 0) movable.add(partition);
  }
  const share = Math.floor(partitions.length / Math.max(1, held.size));
  const moves: PlacementMove[] = [];
  for (const [to, own] of held) {
    if (own.length > 0) continue;
    while (own.length < share && moves.length < policy.maxMoves) {
      const [from, most] = fullest(held);
      const partition = most.findLast((each) => movable.has(each));
      if (partition === undefined || most.length <= share) break;
      most.splice(most.indexOf(partition), 1);
      own.push(partition);
      moves.push({ partition, from, to });
    }
  }
  return moves;
}

function fullest(held: ReadonlyMap<NodeId, number[]>): [NodeId, number[]] {
  let best: [NodeId, number[]] | undefined;
  for (const entry of held) if (!best || entry[1].length > best[1].length) best = entry;
  return best ?? ["" as NodeId, []];
}
