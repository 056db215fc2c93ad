import { HoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";

/** `store` nodes run an engine and may coordinate; `compute` nodes only run partitions. */
export type NodeRole = "store" | "compute";

/** `draining` gives its partitions away and gets no new ones; `removed` may not come back. */
export type NodeState = "active" | "draining" | "removed";

/** What the cluster knows of a node: the value of `node.NAME` in the bucket `cluster`. */
export interface NodeRecord {
  readonly node: NodeId;
  readonly role: NodeRole;
  readonly state: NodeState;
  /** Where clients reach its API. */
  readonly url: string;
  readonly version: string;
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How much work it takes compared with others; 1 is a usual node. */
  readonly capacity: number;
  /** Where other engines and nodes reach its engine; only of store nodes with a managed engine. */
  readonly engine?: EngineAddress;
  /** Milliseconds since 1970. */
  readonly joinedAt: number;
  /** Hash of its name, role and certificate requests: whoever has their keys may join again. */
  readonly claim?: string;
  /** DNS names and addresses that its certificates may name; only a join token changes them. */
  readonly hosts?: readonly string[];
  /** SHA-256 of the public key of its engine's certificates, in hex; of store nodes with a managed engine. */
  readonly engineKey?: string;
}

export interface EngineAddress {
  readonly host: string;
  readonly clientPort: number;
  readonly routePort: number;
}

/** Who owns a partition: the value of `partition.N` in the bucket `assignments`. */
export interface Assignment {
  readonly node: NodeId;
  /** Rises with every change of owner; the fencing token of its writes. */
  readonly epoch: number;
  /** Who had it before and may still finish its turns, when it was moved in good order. */
  readonly from?: NodeId;
}

/** What a node says of itself every `heartbeatMs`. */
export interface NodeLoad {
  /** Of one core, 0 to the number of cores. */
  readonly cpu: number;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  /** p99 of the event loop's delay since the last heartbeat. */
  readonly loopDelayMs: number;
  readonly turnsInFlight: number;
  /** Turns that may run at once. */
  readonly turnCapacity: number;
  /** Moving averages over finished turns. */
  readonly turnLatencyMs: number;
  readonly turnsPerSecond: number;
  /** From this node over the engine and back. */
  readonly roundTripMs: number;
  readonly partitions: readonly PartitionLoad[];
}

export interface PartitionLoad {
  readonly partition: number;
  readonly epoch: number;
  readonly isOpen: boolean;
  /** Inbox records not done. */
  readonly lag: number;
  readonly activeConversations: number;
  readonly turnsInFlight: number;
  readonly turnsPerSecond: number;
  /** Mean duration of the turns that ended. */
  readonly turnLatencyMs: number;
  /** Turns that ran at any moment, on average. */
  readonly turnLoad: number;
}

export const clusterBucket = "cluster";
export const assignmentBucket = "assignments";
export const nodeKey = (node: NodeId): string => `node.${node}`;
/** Holds the random name of the node's newest process. */
export const startKey = (node: NodeId): string => `start.${node}`;
export const partitionKey = (partition: number): string => `partition.${partition}`;
export const coordinatorKey = "coordinator";

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Errors: `data_corrupt`. */
export function decodeJson<T>(bytes: Uint8Array, where: string): T {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch (cause) {
    throw new HoldfastError("data_corrupt", `${where} is no JSON.`, { cause });
  }
}
