import type { NodeId } from "../ids.ts";
import { costOf, idleTurns, type NodeCost, smoothLoad } from "../placement/cost.ts";
import type { NodeLoad } from "./records.ts";

/** The smoothed loads of the nodes, and what they cost. */
export class LoadHistory {
  readonly #smoothed = new Map<NodeId, { readonly load: NodeLoad; readonly at: number }>();
  readonly #partitions = new Map<number, number>();

  /** A node's newest heartbeat; `now` in monotonic milliseconds. */
  note(node: NodeId, load: NodeLoad, now: number): void {
    const before = this.#smoothed.get(node);
    const smoothed = smoothLoad(before?.load, load, now - (before?.at ?? now));
    this.#smoothed.set(node, { load: smoothed, at: now });
    for (const [partition, cost] of costOf(smoothed, 1).partitions) {
      this.#partitions.set(partition, cost);
    }
  }

  /** What the node carries and can carry, given its declared capacity. */
  node(node: NodeId, capacity: number): Omit<NodeCost, "partitions"> {
    const load = this.#smoothed.get(node)?.load;
    return load ? costOf(load, capacity) : { capacity, baseCost: 0 };
  }

  partition(partition: number): number {
    return this.#partitions.get(partition) ?? idleTurns;
  }
}
