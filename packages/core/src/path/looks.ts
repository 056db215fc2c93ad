import type { StoredMessage, TurnEnd } from "../messages.ts";

/** What a conversation's owner knows of a message. */
export interface MessageLook {
  readonly state: "unknown" | "waiting" | "handled";
  /** Of the content that came with the message's key, when it is known. */
  readonly fingerprint?: string;
  /** Where the history holds it once it is handled; below 0 when it was dropped. */
  readonly index?: number;
  /** Of a stateless call, where it is small enough to be told. */
  readonly end?: TurnEnd;
}

/** What a conversation's owner knows of its history. */
export interface HistoryLook {
  /** Index that the next message will get. */
  readonly next: number;
  /** Whether messages wait that are not handled. */
  readonly isBusy: boolean;
  /** Index of the first message that is in the owner's memory; those before it stand in pages. */
  readonly tailStart: number;
  /** Messages in memory from the index that was asked for, oldest first, as many as fit an answer. */
  readonly tail: readonly StoredMessage[];
}
