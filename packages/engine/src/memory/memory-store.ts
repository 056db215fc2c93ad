import { engineNamePattern, HoldfastError } from "@holdfast/core";
import { unavailable } from "./link.ts";
import { createStoredBucket, type StoredBucket } from "./stored-bucket.ts";
import { createStoredLog, type StoredLog } from "./stored-log.ts";

/** What the whole cluster shares: the data outlives every view of it. */
export interface MemoryStore {
  readonly logs: Map<string, StoredLog>;
  readonly buckets: Map<string, StoredBucket>;
  readonly blobs: Map<string, Uint8Array>;
  readonly listeners: Set<BusListener>;
  /** The view whose operation took effect last. */
  actor: string;
}

export interface BusListener {
  offer(subject: string, data: Uint8Array): void;
}

export function createMemoryStore(): MemoryStore {
  return { logs: new Map(), buckets: new Map(), blobs: new Map(), listeners: new Set(), actor: "" };
}

/** Makes what the store lacks. */
export function provisionStore(
  store: MemoryStore,
  logs: readonly string[],
  buckets: readonly string[],
): void {
  for (const name of logs) if (!store.logs.has(name)) store.logs.set(name, createStoredLog());
  for (const name of buckets)
    if (!store.buckets.has(name)) store.buckets.set(name, createStoredBucket());
}

export function logNamed(store: MemoryStore, name: string): StoredLog {
  const log = store.logs.get(name);
  if (!log) throw unavailable(`the log ${name} is not provisioned`);
  return log;
}

export function bucketNamed(store: MemoryStore, name: string): StoredBucket {
  const bucket = store.buckets.get(name);
  if (!bucket) throw unavailable(`the bucket ${name} is not provisioned`);
  return bucket;
}

/** Errors: `invalid_request`. */
export function checkName(name: string): void {
  if (!engineNamePattern.test(name))
    throw new HoldfastError("invalid_request", `Not a name of a log or bucket: ${name}`);
}

/** Errors: `payload_too_large`. */
export function checkSize(data: Uint8Array, limitBytes: number): void {
  if (data.length > limitBytes)
    throw new HoldfastError(
      "payload_too_large",
      `The payload has ${data.length} bytes; the engine takes ${limitBytes}.`,
    );
}
