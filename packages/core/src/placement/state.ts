import type { PlacementItem, PlacementModel } from "./model.ts";

/** Sums of the same costs in another order differ by less than this share. */
export const rounding = 1e-9;

/** An assignment under construction; items and nodes by index. */
export class PlacementState {
  readonly model: PlacementModel;
  /** Node of every item; -1 until it has one. */
  readonly nodeOf: Int32Array;
  /** Cost on every node. */
  readonly cost: Float64Array;
  /** Movable partitions on every node. */
  readonly count: Int32Array;

  constructor(model: PlacementModel) {
    this.model = model;
    this.nodeOf = new Int32Array(model.items.length).fill(-1);
    this.cost = model.base.slice();
    this.count = new Int32Array(model.nodes.length);
  }

  copy(): PlacementState {
    const copy = new PlacementState(this.model);
    copy.set(this);
    return copy;
  }

  set(other: PlacementState): void {
    this.nodeOf.set(other.nodeOf);
    this.cost.set(other.cost);
    this.count.set(other.count);
  }

  item(index: number): PlacementItem {
    return this.model.items[index] as PlacementItem;
  }

  capacity(node: number): number {
    return this.model.capacity[node] as number;
  }

  costOn(node: number): number {
    return this.cost[node] as number;
  }

  load(node: number): number {
    return this.costOn(node) / this.capacity(node);
  }

  put(index: number, node: number): void {
    this.take(index);
    this.cost[node] = this.costOn(node) + this.item(index).cost;
    this.count[node] = (this.count[node] as number) + 1;
    this.nodeOf[index] = node;
  }

  /** Leaves the item without a node. */
  take(index: number): void {
    const node = this.nodeOf[index] as number;
    if (node < 0) return;
    this.cost[node] = this.costOn(node) - this.item(index).cost;
    this.count[node] = (this.count[node] as number) - 1;
    this.nodeOf[index] = -1;
  }

  /** The first of the nodes with the greatest load. */
  hottestNode(): number {
    let hottest = 0;
    for (let node = 1; node < this.cost.length; node += 1) {
      if (this.load(node) > this.load(hottest)) hottest = node;
    }
    return hottest;
  }

  hottest(): number {
    return this.cost.length === 0 ? 0 : this.load(this.hottestNode());
  }

  /** 1 if it leaves the home that it could keep by being on this node, otherwise 0. */
  leavesHome(index: number, node: number): 0 | 1 {
    const { home } = this.item(index);
    return home >= 0 && home !== node ? 1 : 0;
  }

  voluntaryMoves(): number {
    let moves = 0;
    for (const [index, node] of this.nodeOf.entries()) moves += this.leavesHome(index, node);
    return moves;
  }
}

/** Candidates that a search may still look at: a bound on its time that is the same everywhere. */
export interface SearchBudget {
  left: number;
}
