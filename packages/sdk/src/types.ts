import type {
  AppliedResource,
  ConversationEvent,
  DeadLetter,
  HistoryPage,
  Resource,
  ResourceKind,
  StoredMessage,
  Usage,
} from "@holdfast/core";

export type { AppliedResource, ConversationEvent, DeadLetter, HistoryPage, StoredMessage };

/** The resource of a kind. */
export type ResourceOf<Kind extends ResourceKind> = Extract<Resource, { kind: Kind }>;

/** A conversation's address in plain strings. */
export interface ConversationAddress {
  readonly organization: string;
  readonly agent: string;
  readonly conversation: string;
}

export interface PageRange {
  /** The `next` of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Give this as `after` for the next page; absent on the last. */
  readonly next?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface SendOptions extends CallOptions {
  /** The Idempotency-Key; a new one is made when absent. The same key takes effect once. */
  readonly key?: string;
}

/** A message that is durable. */
export interface Sent {
  readonly id: string;
  readonly duplicate: boolean;
  readonly conversation: string;
  readonly key: string;
}

export interface AskOptions extends SendOptions {
  /** Longest wait for the answer, in milliseconds; then `wait_timeout` is thrown. */
  readonly waitMs?: number;
}

export interface Answer extends Sent {
  /** The agent's text. */
  readonly reply: string;
  readonly finish?: string;
  readonly usage?: Usage;
  readonly model?: string;
  /** The inputs and everything that the turn added, where the node tells them. */
  readonly messages?: readonly StoredMessage[];
}

export interface HistoryOptions extends CallOptions {
  /** Only messages with an index above this; -1, the default, for all. */
  readonly after?: number;
  readonly limit?: number;
}

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Replay the messages with an index above this first; without it only what happens from now on. */
  readonly after?: number;
}

/**
 * What a watch gives: the conversation's events; `message` for each message of the history that was
 * missed; and how the connection fares, so that a client can say so.
 */
export type WatchEvent =
  | ConversationEvent
  | { readonly type: "message"; readonly message: StoredMessage }
  | { readonly type: "connected" }
  | { readonly type: "disconnected"; readonly reason: string; readonly retryMs: number };

export interface ApplyCallOptions extends CallOptions {
  /** Only say what would change. */
  readonly dryRun?: boolean;
}

export interface NewToken {
  readonly name: string;
  /** In place of the node's own limit. */
  readonly requestsPerSecond?: number;
}

/** A token without its secret. */
export interface TokenInfo {
  readonly id: string;
  readonly name: string;
  /** Absent for an administrator's, who reaches every organization. */
  readonly organization?: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly requestsPerSecond?: number;
}

/** The secret stands in `token` this once. */
export interface CreatedToken extends TokenInfo {
  readonly token: string;
}

/** What /readyz says: ready means that messages are really processed. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly ReadinessCheck[];
}

export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}
