import type { NodeId } from "../ids.ts";

export interface PlacementNode {
  readonly node: NodeId;
  /** How much cost it carries compared with others; above 0. */
  readonly capacity: number;
  /** False while it is draining, dead or cut off: it keeps nothing and gets nothing. */
  readonly isAvailable: boolean;
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Cost that does not come from partitions (channel accounts, other programs), in the same unit. */
  readonly baseCost: number;
}

export interface PlacementPartition {
  readonly partition: number;
  /** Cost of running it; at least 0. */
  readonly cost: number;
  readonly owner: NodeId | undefined;
  /** Labels that its node must have, with these values. */
  readonly requires: Readonly<Record<string, string>>;
  /** False within the pause after a move: it stays where it is if its node is available. */
  readonly isMovable: boolean;
}

export interface PlacementPolicy {
  /**
   * How far above the best that can be reached the hottest node may stay, as a share: voluntary
   * moves go down to there and no further, which saves most of them.
   */
  readonly tolerance: number;
  /**
   * Voluntary moves happen only if they make the hottest node cooler by this share (hysteresis).
   * What it gets cooler than `tolerance` asks for does not count, or noise would start moves.
   */
  readonly minGain: number;
  /** Voluntary moves of one plan; partitions without an available owner do not count. */
  readonly maxMoves: number;
}

export interface PlacementInput {
  readonly nodes: readonly PlacementNode[];
  readonly partitions: readonly PlacementPartition[];
  readonly policy: PlacementPolicy;
}

export interface PlacementMove {
  readonly partition: number;
  readonly from: NodeId | undefined;
  readonly to: NodeId;
}

export interface PlacementPlan {
  /** By partition. */
  readonly moves: readonly PlacementMove[];
  /** Partitions for which no available node has the labels, in order; they are not in `moves`. */
  readonly unassigned: readonly number[];
}
