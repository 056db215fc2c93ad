import type { NodeId } from "../../ids.ts";
import { seededRandom } from "../seeded-random.ts";
import type { PlacementNode, PlacementPartition } from "../types.ts";

export interface RandomCluster {
  readonly nodes: PlacementNode[];
  readonly partitions: PlacementPartition[];
}

/**
 * A cluster of 2 to 12 nodes and 4 to 48 partitions with skewed costs, unequal capacities, some
 * labels, dead and draining nodes and an assignment that is anything from balanced to lopsided.
 */
export function randomCluster(seed: number): RandomCluster {
  const random = seededRandom(seed * 7919 + 1);
  const integer = (least: number, most: number): number =>
    least + Math.floor(random() * (most - least + 1));
  const count = integer(2, 12);
  const usesLabels = random() < 0.4;
  const isUneven = random() < 0.5;
  const nodes = Array.from(
    { length: count },
    (_, index): PlacementNode => ({
      node: `n-${String(index).padStart(2, "0")}` as NodeId,
      capacity: isUneven ? integer(1, 8) / 2 : 1,
      isAvailable: index === 0 || random() > 0.12,
      zone: "",
      labels: usesLabels && (index === 0 || random() < 0.4) ? { disk: "ssd" } : {},
      baseCost: random() < 0.3 ? random() * 3 : 0,
    }),
  );
  const skew = [0, 1, 2, 4][integer(0, 3)] as number;
  const favourites = integer(1, count);
  const partitions = Array.from(
    { length: integer(4, 48) },
    (_, partition): PlacementPartition => ({
      partition,
      cost: skew === 0 ? 1 : 0.1 + 4 * random() ** skew * (1 + skew),
      owner: random() < 0.05 ? undefined : nodes[Math.floor(random() * favourites)]?.node,
      requires: usesLabels && random() < 0.2 ? { disk: "ssd" } : {},
      isMovable: random() > 0.05,
    }),
  );
  return { nodes, partitions };
}

export function withoutOwners({ nodes, partitions }: RandomCluster): RandomCluster {
  return { nodes, partitions: partitions.map((one) => ({ ...one, owner: undefined })) };
}

/** What cannot move keeps its owner: as cool as the cluster itself can get. */
export function withoutMovableOwners({ nodes, partitions }: RandomCluster): RandomCluster {
  return {
    nodes,
    partitions: partitions.map((one) => (one.isMovable ? { ...one, owner: undefined } : one)),
  };
}
