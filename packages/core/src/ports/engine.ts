import type { BlobStore } from "./blob-store.ts";
import type { Bus } from "./bus.ts";
import type { KeyValue } from "./key-value.ts";
import type { MessageLog } from "./message-log.ts";

/**
 * One node's view of the engine: what its adapters share is one connection, or one store in memory.
 *
 * Names of logs and buckets fit `engineNamePattern`. A log or bucket that was never provisioned is an
 * `engine_unavailable`; a name that does not fit is an `invalid_request`. Data outlives the view.
 */
export interface Engine {
  readonly messageLog: MessageLog;
  readonly keyValue: KeyValue;
  readonly blobStore: BlobStore;
  readonly bus: Bus;
  /** Makes what is not there yet. Idempotent, also when several nodes do it at once. */
  provision(plan: ProvisionPlan): Promise<void>;
  /**
   * Ends the view: its followers, watches and subscriptions stop, nothing is handed to them any more, and
   * every later operation is an `engine_unavailable`; the bus, which is soft, drops what is published.
   * Closing again is no error.
   */
  close(): Promise<void>;
}

export interface ProvisionPlan {
  readonly logs: readonly string[];
  readonly buckets: readonly string[];
}

export const engineNamePattern = /^[A-Za-z0-9_-]+$/;
