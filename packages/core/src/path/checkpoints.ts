import { HoldfastError, toHoldfastError } from "../errors.ts";
import { parseConversationKey } from "../ids.ts";
import { limits } from "../limits.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { KeyEntry, KeyValue } from "../ports/key-value.ts";
import {
  type ConversationState,
  newConversation,
  type OpenTurn,
  type SeenInput,
} from "./conversation-state.ts";
import type { Outbox } from "./outbox.ts";
import { blobOf, packValue, unpackValue } from "./large-values.ts";
import { decodeEntry, encodeEntry } from "./records.ts";
import { Slots } from "./slots.ts";
import type { StoredMessage } from "../messages.ts";

export const checkpointBucket = "checkpoints";
const checkpointVersion = 1;

interface Checkpoint {
  readonly v: number;
  readonly handled: number;
  readonly next: number;
  readonly tail: StoredMessage[];
  readonly seen: [string, SeenInput][];
  readonly openTurn?: OpenTurn;
  readonly attempts?: { readonly at: number; readonly count: number };
  readonly outbox?: Outbox;
  readonly journaled: number;
}

export interface LoadedConversation {
  readonly state: ConversationState;
  /** Revision of the checkpoint; 0 when there is none. */
  readonly revision: number;
}

/** A conversation's saved states, written with compare-and-set. */
export class Checkpoints {
  readonly #keyValue: KeyValue;
  readonly #blobs: BlobStore;
  readonly #loads = new Slots(limits.activationsInFlight);

  constructor(keyValue: KeyValue, blobs: BlobStore) {
    this.#keyValue = keyValue;
    this.#blobs = blobs;
  }

  load(key: string): Promise<LoadedConversation> {
    return this.#loads.run(() => this.#load(key));
  }

  async #load(key: string): Promise<LoadedConversation> {
    const found = await this.#read(key);
    if (!found) return { state: newConversation(), revision: 0 };
    const { state, entry } = found;
    state.checkpointBlob = blobOf(entry.value);
    return { state, revision: entry.revision };
  }

  /** Errors: `data_corrupt`, `home_too_new`. */
  async #read(
    key: string,
  ): Promise<{ readonly entry: KeyEntry; readonly state: ConversationState } | undefined> {
    for (let before = 0; ; ) {
      const entry = await this.#keyValue.get(checkpointBucket, storageKey(key));
      if (!entry) return undefined;
      try {
        return { entry, state: decodeCheckpoint(await unpackValue(this.#blobs, entry.value), key) };
      } catch (thrown) {
        // An owner that was just deposed may still save: with a newer state the blob of this one goes away.
        const isFirst = entry.revision !== before;
        if (!isFirst || toHoldfastError(thrown).code !== "data_corrupt") throw thrown;
        before = entry.revision;
      }
    }
  }

  /**
   * Returns the new revision. Errors: `ownership_lost` when another owner saved a newer state. A write
   * whose acknowledgement was lost is recognised as our own, and an older state than this one gives way:
   * it is an earlier try of ours, or came from an owner that was deposed.
   */
  async save(key: string, state: ConversationState, revision: number): Promise<number> {
    const at = storageKey(key);
    const { journaled } = state;
    const bytes = encodeCheckpoint(state);
    // Another try may have other bytes, and a blob that somebody reads is not written over.
    const blob = `checkpoint.${at}.${journaled}.${bytes.byteLength}`;
    const value = await packValue(this.#blobs, blob, bytes);
    const before = state.checkpointBlob;
    try {
      const stored = await this.#write(key, value, journaled, revision);
      state.checkpointBlob = blobOf(stored.value);
      await this.#drop([before, blobOf(value), stored.replaced], state.checkpointBlob);
      return stored.revision;
    } catch (thrown) {
      if (toHoldfastError(thrown).code === "ownership_lost") await this.#drop([blobOf(value)]);
      throw thrown;
    }
  }

  /** Deletes blobs that no checkpoint refers to any more. */
  async #drop(blobs: readonly (string | undefined)[], kept?: string): Promise<void> {
    for (const blob of new Set(blobs)) {
      if (blob !== undefined && blob !== kept) await this.#blobs.delete(blob);
    }
  }

  /**
   * Returns what stands there now. That may be an earlier try of ours with other bytes: history that was
   * sealed since is left out, so one try may need a blob and the next not.
   */
  async #write(
    key: string,
    value: Uint8Array,
    journaled: number,
    expected: number,
  ): Promise<{
    readonly value: Uint8Array;
    readonly revision: number;
    /** The blob of an older state that gave way. */
    readonly replaced?: string | undefined;
  }> {
    const at = storageKey(key);
    let replaced: string | undefined;
    for (let revision = expected; ; ) {
      try {
        const saved = await this.#keyValue.update(checkpointBucket, at, value, revision);
        return { value, revision: saved, replaced };
      } catch (thrown) {
        const error = toHoldfastError(thrown);
        if (error.code !== "revision_conflict") throw error;
      }
      const now = await this.#read(key);
      const current = now?.state.journaled ?? 0;
      if (now && current === journaled) return now.entry;
      if (current > journaled) {
        throw new HoldfastError("ownership_lost", `Another owner saved conversation ${key}.`);
      }
      revision = now?.entry.revision ?? 0;
      replaced = now && blobOf(now.entry.value);
    }
  }
}

/**
 * A conversation's key as a key-value key: `organization.agent.conversation`, other characters than
 * letters, digits, `-` and `_` written as `=` and two hexadecimal digits.
 */
export function storageKey(key: string): string {
  const ref = parseConversationKey(key);
  return `${ref.organization}.${ref.agent}.${escapeKey(ref.conversation)}`;
}

export function escapeKey(text: string): string {
  return text.replace(
    /[^A-Za-z0-9_-]/g,
    (char) => `=${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function encodeCheckpoint(state: ConversationState): Uint8Array {
  const checkpoint: Checkpoint = {
    v: checkpointVersion,
    handled: state.handled,
    next: state.next,
    tail: state.tail,
    seen: [...state.seen],
    ...(state.openTurn && { openTurn: state.openTurn }),
    ...(state.attempts && { attempts: state.attempts }),
    ...(state.outbox && { outbox: state.outbox }),
    journaled: state.journaled,
  };
  return encodeEntry(checkpoint);
}

function decodeCheckpoint(bytes: Uint8Array, key: string): ConversationState {
  const saved = decodeEntry<Checkpoint>(bytes);
  if (saved.v !== checkpointVersion) {
    throw new HoldfastError(
      saved.v > checkpointVersion ? "home_too_new" : "data_corrupt",
      `The checkpoint of ${key} has version ${saved.v}; this version of Holdfast reads ${checkpointVersion}.`,
    );
  }
  return {
    handled: saved.handled,
    next: saved.next,
    tail: saved.tail,
    tailChars: saved.tail.reduce((sum, message) => sum + message.text.length, 0),
    tailBlobs: saved.tail.filter(({ blob }) => blob !== undefined).length,
    seen: new Map(saved.seen),
    openTurn: saved.openTurn,
    attempts: saved.attempts,
    outbox: saved.outbox,
    journaled: saved.journaled,
    checkpointBlob: undefined,
  };
}
