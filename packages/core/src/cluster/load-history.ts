import type { NodeId } from "../ids.ts";
import type { NodeLoad } from "./records.ts";

/** What the nodes' heartbeats said about cost lately. */
export class LoadHistory {
  readonly #costs = new Map<number, number>();
  note(_node: NodeId, load: NodeLoad): void {
    for (const { partition, turnLoad } of load.partitions) this.#costs.set(partition, turnLoad);
  }
  cost(partition: number): number {
    return this.#costs.get(partition) ?? 0;
  }
  capacity(_node: NodeId, capacity: number): number {
    return capacity;
  }
}
