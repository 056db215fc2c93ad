/**
 * Gives the data of a store node that is gone for good to the others: every replica that it had is made
 * anew elsewhere, one stream after another, and then the node leaves the cluster. Errors of all:
 * `engine_unavailable`.
 */
export interface StoreRepair {
  /**
   * What `start` would do, and nothing of it. Errors: `store_quorum_at_risk` when too few engines would be
   * left to hold every replica.
   */
  plan(dead: string): Promise<RepairPlan>;
  /**
   * Begins, and goes on in the background; resolves when the beginning is recorded. Does nothing when that
   * node's replacement runs already. Errors: those of `plan`, `operation_running`.
   */
  start(dead: string): Promise<void>;
  /** Those of the nodes whose engines have a part in the cluster's data; all of them while that is not known. */
  inEngine(nodes: readonly string[]): Promise<readonly string[]>;
  /**
   * What the cluster does about its data now, or did last, whichever node works on it; undefined when it
   * never had to do anything.
   */
  progress(): Promise<Operation | undefined>;
}

export interface RepairPlan {
  /** In their order, for people. */
  readonly steps: readonly RepairStep[];
}

export interface RepairStep {
  /** A sentence: what is done. */
  readonly text: string;
  /** A sentence: why. */
  readonly reason: string;
}

/** Work on the cluster's data that takes a while: new replicas for `growth`, or those of a dead node. */
export interface Operation {
  readonly kind: "growth" | "replace";
  readonly phase: "waiting" | "copying" | "done" | "failed";
  /** The node that is replaced. */
  readonly node?: string;
  /** Streams that are done, of `total`. */
  readonly done: number;
  readonly total: number;
  /** The stream that is worked on. */
  readonly stream?: string;
  /** A sentence for people: what happens, and why. */
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Why it `failed`; it may be started again. */
  readonly error?: { readonly code: string; readonly message: string };
}
