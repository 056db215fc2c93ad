/**
 * Buckets of keys with revisions.
 *
 * A key is 1 to 1,000 characters of A-Z a-z 0-9 - _ = . (dots divide it; none at the ends, no two in a
 * row). `get` reads from the leader: a value is never older than the last acknowledged write.
 * Writes are durable on a majority when they resolve. Revisions of a bucket rise with every write.
 * Errors: `revision_conflict` (not stored), `append_outcome_unknown`, `engine_unavailable`,
 * `storage_full`, `payload_too_large`.
 */
export interface KeyValue {
  get(bucket: string, key: string): Promise<KeyEntry | undefined>;
  /** Writes whatever stands there. Returns the new revision. */
  put(bucket: string, key: string, value: Uint8Array): Promise<number>;
  /** Writes only if the key's revision is `revision` (0: the key must not exist). */
  update(bucket: string, key: string, value: Uint8Array, revision: number): Promise<number>;
  /** Deletes; with a revision only if it still is the key's. Deleting what is not there is no error. */
  delete(bucket: string, key: string, revision?: number): Promise<void>;
  /** All entries under a prefix (`a.b` covers `a.b.c`; empty covers all), in order of revision. */
  list(bucket: string, prefix: string): AsyncIterable<KeyEntry>;
  /**
   * All entries under the prefix as `list` gives them, then the changes in order, until closed. A change
   * that a later one of the same key has replaced may be left out; the last is always given. `handle`
   * must not throw.
   */
  watch(bucket: string, prefix: string, handle: (change: KeyChange) => void): Promise<Watch>;
}

export interface KeyEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

export interface KeyChange {
  readonly key: string;
  /** Undefined when the key was deleted. */
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

export interface Watch {
  close(): Promise<void>;
}

export const keyPattern = /^(?!\.)(?!.*\.\.)[A-Za-z0-9_=.-]{1,1000}(?<!\.)$/;
