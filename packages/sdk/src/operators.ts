import type { NodeLoad, NodeRecord, NodeStatus, PartitionStatus } from "@holdfast/core";
import type { Http } from "./http.ts";
import type { CallOptions } from "./types.ts";

export type { PartitionStatus };

/** What operators see of the cluster and do to it; all of it needs an administrator's token. */
export interface OperatorCalls {
  nodes(options?: CallOptions): Promise<readonly ClusterNode[]>;
  /** Errors: `node_not_found`. */
  node(name: string, options?: CallOptions): Promise<ClusterNode>;
  partitions(options?: CallOptions): Promise<readonly PartitionStatus[]>;
  /** The node's partitions begin to move away. Errors: `node_not_found`, `last_node`. */
  drainNode(name: string, options?: CallOptions): Promise<void>;
  /** Errors: `node_not_found`. */
  activateNode(name: string, options?: CallOptions): Promise<void>;
  /** Errors: `node_not_found`, `last_node`; without `force` `node_alive`, `store_quorum_at_risk`. */
  removeNodes(names: readonly string[], options?: RemoveOptions): Promise<void>;
  /**
   * Begins to give a dead store node's data to the others; with `dryRun` only says how. Errors:
   * `node_not_found`, `node_alive`, `no_engine`, `store_quorum_at_risk`, `operation_running`.
   */
  replaceNode(name: string, options?: ReplaceOptions): Promise<RepairPlan>;
  /** What the cluster does about its data now, or did last. */
  operation(options?: CallOptions): Promise<Operation | undefined>;
  authority(options?: CallOptions): Promise<AuthorityStatus>;
  /** Errors: `authority_phase`, and but for `rollback` `authority_unconfirmed`. */
  changeAuthority(step: AuthorityStep, options?: CallOptions): Promise<AuthorityStatus>;
}

export interface RemoveOptions extends CallOptions {
  /** Also nodes that are alive, or whose going loses the majority. */
  readonly force?: boolean;
}

export interface ReplaceOptions extends CallOptions {
  readonly dryRun?: boolean;
}

export interface ClusterNode
  extends Omit<NodeRecord, "claim" | "node">,
    Pick<NodeStatus, "presence" | "isCoordinator" | "silentMs"> {
  readonly node: string;
  readonly ownedPartitions: number;
  /** Inbox records not done, over its partitions. */
  readonly lag: number;
  /** As in its last heartbeat. */
  readonly load?: Omit<NodeLoad, "partitions">;
}

export interface RepairPlan {
  readonly steps: readonly { readonly text: string; readonly reason: string }[];
}

export interface Operation {
  readonly kind: "growth" | "replace";
  readonly phase: "waiting" | "copying" | "done" | "failed";
  /** The node that is replaced. */
  readonly node?: string;
  /** Streams that are done, of `total`. */
  readonly done: number;
  readonly total: number;
  readonly stream?: string;
  /** A sentence: what happens, and why. */
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Why it `failed`. */
  readonly error?: { readonly code: string; readonly message: string };
}

export type AuthorityStep = "begin" | "sign" | "retire" | "rollback";

/** The cluster's certificate authority. Keys are named by the SHA-256 of their certificates. */
export interface AuthorityStatus {
  readonly cluster: string;
  readonly phase: "stable" | "distributing" | "signing" | "reverting";
  /** The key that signs. */
  readonly active: string;
  readonly next?: string;
  readonly previous?: string;
  /** Rises with every change. */
  readonly generation: number;
  /** PEM texts of what is trusted, the signing one first. */
  readonly bundle: readonly string[];
  readonly nodes: readonly AuthorityNode[];
}

export interface AuthorityNode {
  readonly node: string;
  readonly presence: NodeStatus["presence"];
  /** That it has taken over; absent when it has said nothing of it. */
  readonly generation?: number;
  readonly isConfirmed: boolean;
}

export function operatorCalls(http: Http): OperatorCalls {
  const read = async (path: string, { signal }: CallOptions): Promise<unknown> =>
    (await http.call({ method: "GET", path, repeat: "harmless", signal })).body;
  const list = async <Item>(path: string, options: CallOptions): Promise<readonly Item[]> =>
    ((await read(path, options)) as { items: readonly Item[] }).items;
  const post = async (
    path: string,
    repeat: "harmless" | "visible",
    { signal }: CallOptions,
    body?: unknown,
  ) => (await http.call({ method: "POST", path, repeat, signal, body })).body;

  return {
    nodes: (options = {}) => list("/api/v1/nodes", options),
    node: async (name, options = {}) => (await read(pathOf(name), options)) as ClusterNode,
    partitions: (options = {}) => list("/api/v1/partitions", options),
    async drainNode(name, options = {}) {
      await post(`${pathOf(name)}/drain`, "harmless", options);
    },
    async activateNode(name, options = {}) {
      await post(`${pathOf(name)}/activate`, "harmless", options);
    },
    async removeNodes(names, { force = false, signal } = {}) {
      const query = new URLSearchParams(names.map((name): [string, string] => ["node", name]));
      if (force) query.set("force", "true");
      const path = `/api/v1/nodes?${query.toString()}`;
      await http.call({ method: "DELETE", path, repeat: "visible", signal });
    },
    async replaceNode(name, { dryRun = false, ...options } = {}) {
      const path = `${pathOf(name)}/replace`;
      return (await post(path, "harmless", options, { dryRun })) as RepairPlan;
    },
    async operation(options = {}) {
      const body = (await read("/api/v1/operation", options)) as { operation: Operation | null };
      return body.operation ?? undefined;
    },
    authority: async (options = {}) =>
      (await read("/api/v1/authority", options)) as AuthorityStatus,
    changeAuthority: async (step, options = {}) =>
      (await post(`/api/v1/authority/${step}`, "visible", options)) as AuthorityStatus,
  };
}

function pathOf(name: string): string {
  return `/api/v1/nodes/${encodeURIComponent(name)}`;
}
