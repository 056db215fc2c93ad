import { limits } from "../limits.ts";
import type { Resource, ResourceKind } from "../resources.ts";
import { parseStored } from "./stored-resource.ts";

/** A resource as text, and parsed while it is in use. */
export interface StoredEntry {
  readonly text: string;
  readonly revision: number;
  parsed: Resource | undefined;
  /** Whether it was read since the last sweep came by. */
  recent: boolean;
}

/**
 * Keeps the parsed form on the entries that are used, and takes it from those longest unused when there
 * are too many (a clock sweep: a read costs no more than setting a flag).
 */
export class ParsedCache {
  readonly #maxEntries: number;
  readonly #maxChars: number;
  readonly #entries: StoredEntry[] = [];
  #hand = 0;
  #chars = 0;

  constructor(
    maxEntries: number = limits.resourcesParsed,
    maxChars: number = limits.resourcesParsedChars,
  ) {
    this.#maxEntries = maxEntries;
    this.#maxChars = maxChars;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Parses and keeps. Errors: `home_too_new`, `data_corrupt`. */
  read(
    entry: StoredEntry,
    kind: ResourceKind,
    organization: string | undefined,
    name: string,
  ): Resource {
    if (entry.parsed) {
      entry.recent = true;
      return entry.parsed;
    }
    const parsed = parseStored({ kind, organization, name }, entry.text);
    entry.parsed = parsed;
    this.#entries.push(entry);
    this.#chars += entry.text.length;
    while (this.#entries.length > this.#maxEntries || this.#chars > this.#maxChars) this.#sweep();
    return parsed;
  }

  /** To be told when an entry leaves the index. */
  forget(entry: StoredEntry): void {
    if (!entry.parsed) return;
    entry.parsed = undefined;
    this.#chars -= entry.text.length;
  }

  #sweep(): void {
    if (this.#hand >= this.#entries.length) this.#hand = 0;
    const entry = this.#entries[this.#hand] as StoredEntry;
    if (entry.parsed && entry.recent) {
      entry.recent = false;
      this.#hand += 1;
      return;
    }
    this.forget(entry);
    const last = this.#entries.pop() as StoredEntry;
    if (last !== entry) this.#entries[this.#hand] = last;
  }
}
