/**
 * Large immutable payloads. `put` is durable on a majority when it resolves; a blob is found under its
 * key from then on. Putting the same key again with the same bytes is no error.
 * Errors: `engine_unavailable`, `storage_full`, `payload_too_large`; `get` of what is not there is undefined.
 */
export interface BlobStore {
  put(key: string, data: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  delete(key: string): Promise<void>;
}
