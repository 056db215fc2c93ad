import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { StoredMessage } from "../messages.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { KeyValue } from "../ports/key-value.ts";
import { storageKey } from "./checkpoints.ts";
import { type ConversationState, forgetBefore } from "./conversation-state.ts";
import { packValue, unpackValue } from "./large-values.ts";
import { decodeEntry, encodeEntry } from "./records.ts";

export const historyBucket = "history";

/**
 * The older messages of conversations in immutable pages of `limits.historyPageMessages`. A page is a
 * function of the journal, so writing it a second time writes the same bytes.
 */
export class HistoryPages {
  readonly #keyValue: KeyValue;
  readonly #blobs: BlobStore;

  constructor(keyValue: KeyValue, blobs: BlobStore) {
    this.#keyValue = keyValue;
    this.#blobs = blobs;
  }

  /** True when the tail is long enough to be sealed. */
  static isDue(state: ConversationState): boolean {
    return state.tail.length > limits.historyTailMessages;
  }

  /** Seals the oldest page of the tail; the messages leave the memory once the page is durable. */
  async seal(key: string, state: ConversationState): Promise<void> {
    const first = state.tail[0];
    if (!first) return;
    const number = Math.floor(first.index / limits.historyPageMessages);
    const messages = state.tail.slice(0, limits.historyPageMessages);
    const at = pageKey(key, number);
    const value = await packValue(this.#blobs, `history.${at}`, encodeEntry(messages));
    await this.#keyValue.put(historyBucket, at, value);
    forgetBefore(state, (number + 1) * limits.historyPageMessages);
  }

  /** The sealed messages from index `from` up to `until` (exclusive). Errors: `data_corrupt`. */
  async read(key: string, from: number, until: number): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    const size = limits.historyPageMessages;
    for (let number = Math.floor(from / size); number * size < until; number += 1) {
      const entry = await this.#keyValue.get(historyBucket, pageKey(key, number));
      if (!entry) {
        throw new HoldfastError("data_corrupt", `History page ${number} of ${key} is missing.`);
      }
      const page = decodeEntry<StoredMessage[]>(await unpackValue(this.#blobs, entry.value));
      found.push(...page.filter(({ index }) => index >= from && index < until));
    }
    return found;
  }
}

function pageKey(key: string, number: number): string {
  return `${storageKey(key)}.${number}`;
}
