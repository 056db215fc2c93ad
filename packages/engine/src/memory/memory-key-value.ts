import {
  HoldfastError,
  type KeyChange,
  type KeyEntry,
  type KeyValue,
  keyPattern,
  limits,
  type Watch,
} from "@holdfast/core";
import { createFeed } from "./feed.ts";
import type { Link } from "./link.ts";
import { bucketNamed, checkName, checkSize, type MemoryStore } from "./memory-store.ts";
import { covers, type StoredBucket } from "./stored-bucket.ts";

export function createMemoryKeyValue(store: MemoryStore, link: Link): KeyValue {
  async function reading<T>(bucket: string, act: (stored: StoredBucket) => T): Promise<T> {
    checkName(bucket);
    return link.perform({ kind: "read", target: bucket, writes: false }, () =>
      act(bucketNamed(store, bucket)),
    );
  }
  async function writing<T>(
    bucket: string,
    key: string,
    act: (stored: StoredBucket) => T,
  ): Promise<T> {
    checkName(bucket);
    checkKey(key);
    return link.perform({ kind: "write", target: bucket, writes: true }, () =>
      act(bucketNamed(store, bucket)),
    );
  }
  async function write(bucket: string, key: string, value: Uint8Array, expected?: number) {
    checkSize(value, limits.enginePayloadBytes);
    const copy = value.slice();
    return writing(bucket, key, (stored) => stored.write(key, copy, expected));
  }

  return {
    async get(bucket, key) {
      checkKey(key);
      const entry = await reading(bucket, (stored) => stored.get(key));
      return entry && copyOf(entry);
    },
    put: (bucket, key, value) => write(bucket, key, value),
    update: (bucket, key, value, revision) => write(bucket, key, value, revision),
    delete: (bucket, key, revision) =>
      writing(bucket, key, (stored) => stored.remove(key, revision)),
    async *list(bucket, prefix) {
      if (prefix !== "") checkKey(prefix);
      const entries = await reading(bucket, (stored) => stored.list(prefix));
      yield* entries.map(copyOf);
    },
    async watch(bucket, prefix, handle) {
      if (prefix !== "") checkKey(prefix);
      const stored = await reading(bucket, (found) => found);
      return watchStored(link, bucket, stored, prefix, handle);
    },
  };
}

function watchStored(
  link: Link,
  bucket: string,
  stored: StoredBucket,
  prefix: string,
  handle: (change: KeyChange) => void,
): Watch {
  // A change that was not handed over yet gives way to a later one of its key, as in an engine that keeps
  // one value a key: so a slow or cut off watch holds no more than the bucket does.
  const waiting = new Map<string, KeyChange>();
  for (const entry of stored.list(prefix)) waiting.set(entry.key, entry);
  const source = {
    take() {
      const [change] = waiting.values();
      if (!change) return undefined;
      waiting.delete(change.key);
      return copyOf(change);
    },
    listen: (wake: () => void) =>
      stored.onChange((change) => {
        if (!covers(prefix, change.key)) return;
        waiting.delete(change.key);
        waiting.set(change.key, change);
        wake();
      }),
  };
  const feed = createFeed(link, bucket, source, handle);
  return {
    async close() {
      feed.close();
    },
  };
}

/** Errors: `invalid_request`. */
export function checkKey(key: string): void {
  if (!keyPattern.test(key)) throw new HoldfastError("invalid_request", `Not a key: ${key}`);
}

/** Readers get their own bytes: what one of them does to them must not change what is stored. */
function copyOf<T extends KeyEntry | KeyChange>(entry: T): T {
  return { ...entry, value: entry.value?.slice() };
}
