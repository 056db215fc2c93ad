import { type Cancel, HoldfastError, type KeyChange, type KeyEntry } from "@holdfast/core";

/** A bucket's data, shared by all views. Every call takes effect at once. */
export interface StoredBucket {
  get(key: string): KeyEntry | undefined;
  /** Returns the new revision. With `expected` only if the key has that revision (0: none). */
  write(key: string, value: Uint8Array, expected: number | undefined): number;
  remove(key: string, expected: number | undefined): void;
  list(prefix: string): readonly KeyEntry[];
  /** Calls `run` with each change of any key, in order. */
  onChange(run: (change: KeyChange) => void): Cancel;
}

export function createStoredBucket(): StoredBucket {
  // A key is put at the end by each write, so that the map stands in order of revision.
  const entries = new Map<string, KeyEntry>();
  const listeners = new Set<(change: KeyChange) => void>();
  let revision = 0;

  const check = (key: string, expected: number | undefined) => {
    const found = entries.get(key)?.revision ?? 0;
    if (expected !== undefined && expected !== found)
      throw new HoldfastError(
        "revision_conflict",
        `The key ${key} has revision ${found}, not ${expected}.`,
      );
  };
  const tell = (change: KeyChange) => {
    for (const run of listeners) run(change);
  };

  return {
    get: (key) => entries.get(key),
    write(key, value, expected) {
      check(key, expected);
      revision += 1;
      const entry = { key, value, revision };
      entries.delete(key);
      entries.set(key, entry);
      tell(entry);
      return revision;
    },
    remove(key, expected) {
      if (!entries.has(key)) return;
      check(key, expected);
      revision += 1;
      entries.delete(key);
      tell({ key, value: undefined, revision });
    },
    list: (prefix) => [...entries.values()].filter((entry) => covers(prefix, entry.key)),
    onChange(run) {
      listeners.add(run);
      return () => listeners.delete(run);
    },
  };
}

/** Whether a key stands under a prefix: `a.b` covers `a.b` and `a.b.c`, not `a.bc`; empty covers all. */
export function covers(prefix: string, key: string): boolean {
  return prefix === "" || key === prefix || key.startsWith(`${prefix}.`);
}
