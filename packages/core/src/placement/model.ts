import { invariant } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import type { PlacementInput, PlacementNode, PlacementPartition } from "./types.ts";

/** A partition that may get another node than it has. */
export interface PlacementItem {
  readonly partition: number;
  readonly owner: NodeId | undefined;
  readonly cost: number;
  /** Index of the node that it may stay on, or -1: it must get another one. */
  readonly home: number;
  /** By node index: 1 if the node has the labels. */
  readonly allowed: Uint8Array;
}

/**
 * The planner's view of the cluster: only available nodes, by name, and what can be moved, the
 * costliest first. What stays where it is has become cost of its node. The order of the input is
 * forgotten here, so every node that plans from the same facts finds the same plan.
 */
export interface PlacementModel {
  readonly nodes: readonly NodeId[];
  readonly capacity: Float64Array;
  readonly base: Float64Array;
  readonly items: readonly PlacementItem[];
  readonly unassigned: readonly number[];
}

/** Errors: `internal` for a capacity that is not above 0 or a cost below 0. */
export function placementModel({ nodes, partitions }: PlacementInput): PlacementModel {
  const available = nodes.filter((node) => node.isAvailable).toSorted(byName);
  const indexOf = new Map(available.map((node, index) => [node.node, index]));
  const sorted = partitions.toSorted((a, b) => b.cost - a.cost || a.partition - b.partition);
  // Idle partitions are spread by their number.
  const isIdle = !sorted.some(({ cost }) => cost > 0);
  const base = Float64Array.from(available, (node) => (isIdle ? 0 : node.baseCost));
  const allowedFor = labelMatcher(available);
  const items: PlacementItem[] = [];
  const unassigned: number[] = [];
  for (const partition of sorted) {
    invariant(partition.cost >= 0 && Number.isFinite(partition.cost), "a cost is at least 0");
    const cost = isIdle ? 1 : partition.cost;
    const owner = partition.owner === undefined ? undefined : indexOf.get(partition.owner);
    const allowed = allowedFor(partition);
    const isHome = owner !== undefined && allowed[owner] === 1;
    const isPlaceable = allowed.includes(1);
    if (!isPlaceable) unassigned.push(partition.partition);
    if (isPlaceable && (partition.isMovable || !isHome)) {
      const home = isHome ? owner : -1;
      items.push({ partition: partition.partition, owner: partition.owner, cost, home, allowed });
    } else if (owner !== undefined) base[owner] = (base[owner] ?? 0) + cost;
  }
  return {
    nodes: available.map(({ node }) => node),
    capacity: Float64Array.from(available, checkedCapacity),
    base,
    items,
    unassigned: unassigned.toSorted((a, b) => a - b),
  };
}

function checkedCapacity(node: PlacementNode): number {
  invariant(node.capacity > 0 && Number.isFinite(node.capacity), "a capacity is above 0");
  invariant(node.baseCost >= 0 && Number.isFinite(node.baseCost), "a base cost is at least 0");
  return node.capacity;
}

/** Partitions with the same requirements share one array. */
function labelMatcher(nodes: readonly PlacementNode[]) {
  const known = new Map<string, Uint8Array>();
  return ({ requires }: PlacementPartition): Uint8Array => {
    const wanted = Object.entries(requires).toSorted(([a], [b]) => compare(a, b));
    const key = JSON.stringify(wanted);
    let allowed = known.get(key);
    if (allowed === undefined) {
      allowed = Uint8Array.from(nodes, ({ labels }) =>
        wanted.every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value)
          ? 1
          : 0,
      );
      known.set(key, allowed);
    }
    return allowed;
  };
}

function byName(a: PlacementNode, b: PlacementNode): number {
  return compare(a.node, b.node);
}

/** By code unit, which no locale changes. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
