import type { KeyChange, KeyEntry, KeyValue } from "@holdfast/core";

/** As much of a KeyValue as the token service uses. */
export function memoryKeyValue(): KeyValue {
  const entries = new Map<string, KeyEntry>();
  const watchers = new Set<(change: KeyChange) => void>();
  let revision = 0;
  const tell = (change: KeyChange) => {
    for (const handle of watchers) handle(change);
  };
  const put = async (_bucket: string, key: string, value: Uint8Array) => {
    revision += 1;
    entries.set(key, { key, value, revision });
    tell({ key, value, revision });
    return revision;
  };
  return {
    put,
    update: put,
    get: async (_bucket, key) => entries.get(key),
    async delete(_bucket, key) {
      revision += 1;
      entries.delete(key);
      tell({ key, value: undefined, revision });
    },
    async *list() {
      yield* entries.values();
    },
    async watch(_bucket, _prefix, handle) {
      for (const entry of entries.values()) handle(entry);
      watchers.add(handle);
      return { close: async () => void watchers.delete(handle) };
    },
  };
}
