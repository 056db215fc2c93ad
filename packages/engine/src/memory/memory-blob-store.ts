import { type BlobStore, limits } from "@holdfast/core";
import type { Link } from "./link.ts";
import { checkKey } from "./memory-key-value.ts";
import { checkSize, type MemoryStore } from "./memory-store.ts";

export function createMemoryBlobStore(store: MemoryStore, link: Link): BlobStore {
  return {
    async put(key, data) {
      checkKey(key);
      checkSize(data, limits.blobBytes);
      const copy = data.slice();
      await link.perform({ kind: "blob", target: key, writes: true }, () => {
        store.blobs.set(key, copy);
      });
    },
    async get(key) {
      checkKey(key);
      const found = await link.perform({ kind: "blob", target: key, writes: false }, () =>
        store.blobs.get(key),
      );
      return found?.slice();
    },
    async delete(key) {
      checkKey(key);
      await link.perform({ kind: "blob", target: key, writes: true }, () => {
        store.blobs.delete(key);
      });
    },
  };
}
