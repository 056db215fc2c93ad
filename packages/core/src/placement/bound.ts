import type { PlacementModel } from "./model.ts";

/**
 * What the hottest node's load cannot go below, whatever is moved: the greatest of
 * - base cost / capacity of every node,
 * - (base cost + cost) / capacity of every partition on the node where that is least,
 * - per set of allowed nodes, and for all: the level to which the partitions would fill these
 *   nodes if they could be divided.
 * Reaching it proves an assignment the best, without search.
 */
export function hottestAtLeast(model: PlacementModel): number {
  const all = new Uint8Array(model.nodes.length).fill(1);
  const costOfGroup = new Map<Uint8Array, number>([[all, 0]]);
  let bound = 0;
  for (let node = 0; node < model.nodes.length; node += 1) {
    bound = Math.max(bound, (model.base[node] ?? 0) / (model.capacity[node] ?? 1));
  }
  for (const { cost, allowed } of model.items) {
    costOfGroup.set(all, (costOfGroup.get(all) ?? 0) + cost);
    costOfGroup.set(allowed, (costOfGroup.get(allowed) ?? 0) + cost);
    bound = Math.max(bound, leastLoadWith(model, cost, allowed));
  }
  for (const [allowed, cost] of costOfGroup) bound = Math.max(bound, level(model, allowed, cost));
  return bound;
}

function leastLoadWith(model: PlacementModel, cost: number, allowed: Uint8Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (let node = 0; node < model.nodes.length; node += 1) {
    if (allowed[node] !== 1) continue;
    least = Math.min(least, ((model.base[node] ?? 0) + cost) / (model.capacity[node] ?? 1));
  }
  return least;
}

/** Fills the emptiest nodes first, as water would. */
function level(model: PlacementModel, allowed: Uint8Array, cost: number): number {
  const nodes = [...model.nodes.keys()]
    .filter((node) => allowed[node] === 1)
    .map((node) => ({ base: model.base[node] ?? 0, capacity: model.capacity[node] ?? 1 }))
    .toSorted((a, b) => a.base / a.capacity - b.base / b.capacity);
  let filled = cost;
  let capacity = 0;
  let result = 0;
  for (const node of nodes) {
    if (capacity > 0 && filled / capacity <= node.base / node.capacity) break;
    filled += node.base;
    capacity += node.capacity;
    result = filled / capacity;
  }
  return result;
}
