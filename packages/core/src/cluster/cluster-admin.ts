import type { NodeId } from "../ids.ts";
import type { NodeLoad, NodeRecord } from "./records.ts";

/** What operators see of the cluster and do to it. Errors of all: `engine_unavailable`. */
export interface ClusterAdmin {
  nodes(): readonly NodeStatus[];
  partitions(): readonly PartitionStatus[];
  /**
   * Gives the node's partitions away in good order; it stays a member without work. Resolves when the
   * wish is recorded. Errors: `node_not_found`, `last_node`.
   */
  drain(node: string): Promise<void>;
  /** Ends a drain: the node gets work again. Errors: `node_not_found`. */
  activate(node: string): Promise<void>;
  /**
   * Takes nodes out for good: their certificates are refused from then on. One that is out already is no error.
   * Errors: `node_not_found`,
   * `node_alive` (drain and stop it first; not with `force`), `store_quorum_at_risk` (not with `force`).
   */
  remove(nodes: readonly string[], options: RemoveNodesOptions): Promise<void>;
}

export interface RemoveNodesOptions {
  readonly force: boolean;
  /** Awaited once nothing stands against the removal, before anybody knows of it. */
  readonly prepare?: () => Promise<void>;
  /** Names of the store nodes whose engines have a part in the data; all count when it is absent. */
  readonly inEngine?: () => Promise<readonly string[]>;
}

export interface NodeStatus extends NodeRecord {
  /** `alive`: heard of lately; `dead`: silent; `unknown`: never heard of by this node. */
  readonly presence: "alive" | "dead" | "unknown";
  readonly isCoordinator: boolean;
  /** Age of the last heartbeat; undefined when there was none. */
  readonly silentMs?: number;
  readonly load?: NodeLoad;
}

export interface PartitionStatus {
  readonly partition: number;
  readonly owner: NodeId | undefined;
  readonly epoch: number;
  readonly isOpen: boolean;
  readonly lag: number;
  readonly activeConversations: number;
  readonly turnsInFlight: number;
  readonly turnsPerSecond: number;
}
