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
  /** A voluntary move happens only if the hottest node gets cooler by this share (hysteresis). */
  readonly minGain: number;
  /** Voluntary moves of one plan; partitions without an available owner do not count. */
  readonly maxMoves: number;
}

export interface PlacementMove {
  readonly partition: number;
  readonly from: NodeId | undefined;
  readonly to: NodeId;
}
