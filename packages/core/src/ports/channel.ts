import type { z } from "zod";
import type { HoldfastError } from "../errors.ts";
import type { SecretRef } from "../resources.ts";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/**
 * A platform: its rules, and how an account on it is opened. One value for each channel, stateless.
 * `kind` is the word that account resources name it with.
 */
export interface Channel<Settings = unknown> {
  readonly kind: string;
  readonly capabilities: ChannelCapabilities;
  /** Of the resource's `settings`: strict, secrets as references. */
  readonly settings: z.ZodType<Settings>;
  /** Makes no request and reads no secret. */
  open(options: AccountOptions<Settings>): ChannelAccount;
}

/** What a platform can do. */
export interface ChannelCapabilities {
  readonly threads: boolean;
  /** A message can be changed after it was sent. */
  readonly edits: boolean;
  readonly reactions: boolean;
  /** Files and pictures, from people to agents and back. */
  readonly media: { readonly inbound: boolean; readonly outbound: boolean };
  readonly typing: boolean;
  /** What the platform tells of a message that it took. */
  readonly receipts: readonly ("delivered" | "read")[];
  readonly nativeCommands: boolean;
  /** The same key twice gives one message, so that a send whose outcome is unknown may be repeated. */
  readonly idempotentSends: boolean;
  /** The longest text of one piece. */
  readonly text: { readonly max: number; readonly unit: "utf-16" | "code-points" | "bytes" };
  readonly rates: ChannelRates;
}

/** Sends that the platform lets through; every rate holds at the same time. */
export interface ChannelRates {
  readonly account: readonly Rate[];
  readonly direct: readonly Rate[];
  readonly group: readonly Rate[];
}

/** At most `count` in any window of `perMs`. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

export interface AccountOptions<Settings = unknown> {
  readonly organization: string;
  readonly name: string;
  readonly settings: Settings;
  /** The value now. Errors: `account_unauthorized`, naming the variable or file, never the value. */
  readonly secret: (ref: SecretRef) => string;
  readonly clock: Clock;
  readonly random: Random;
  /** What an operator should know; never a message's text, never a secret. */
  readonly report: (error: HoldfastError, where: string) => void;
}

/**
 * One identity on a platform. Everything but `receive` may be called on any node, by many at once.
 */
export interface ChannelAccount {
  /** Asks the platform who this is and whether it works. Errors: none; trouble is part of the answer. */
  check(signal: AbortSignal): Promise<AccountCheck>;
  /**
   * Verifies and reads one request of the platform. The events are made durable before the answer goes out;
   * when that fails the platform gets 503 and sends them again. Errors: `webhook_unverified` for what is
   * forged or stale (nothing of the body is parsed before), `invalid_request`.
   */
  webhook?(request: WebhookRequest): Promise<WebhookAnswer>;
  /**
   * Runs on the account's owner alone: polls, holds a socket, or registers the webhook. Resolves when the
   * signal aborts; throws when it cannot go on, and is called again after a pause. Errors:
   * `account_unauthorized` (called again when the account changes, or `check` finds its credentials good),
   * `channel_unavailable`, `ownership_lost`.
   */
  receive?(inbound: Inbound, signal: AbortSignal): Promise<void>;
  /**
   * A text of an agent, in Markdown, as pieces that the platform takes; at least one. The same text always
   * gives the same pieces.
   */
  render(markdown: string): readonly Piece[];
  /** One try. Errors: none; see `SendOutcome`. */
  send(send: PieceSend, signal: AbortSignal): Promise<SendOutcome>;
  /** Shows that an answer is being written. Errors: none worth more than a report. */
  typing?(chat: ChatAddress, signal: AbortSignal): Promise<void>;
  /** Errors: `media_refused` (size, type, address), `channel_unavailable`. */
  fetchMedia?(media: MediaReference, signal: AbortSignal): Promise<FetchedMedia>;
  /** Ends what `receive` and the sends keep open. */
  close?(): Promise<void>;
}

export interface AccountCheck {
  readonly ok: boolean;
  /**
   * Whether the credentials work, where more than them can keep the account from being `ok`: what only
   * `receive` mends must not keep it from being called. As `ok` when absent.
   */
  readonly isAuthorized?: boolean;
  /** The platform's name of the account, for people. */
  readonly identity?: string;
  /** Sentences: what is wrong and what to do about it, or what was found. Never a secret. */
  readonly findings: readonly string[];
}

export interface WebhookRequest {
  readonly method: string;
  /** Behind the account's address; empty, or beginning with a slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it came, unparsed. */
  readonly body: Uint8Array;
}

export interface WebhookAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly events: readonly InboundEvent[];
}

/** What a receiver hands over, and what is kept for its next owner. */
export interface Inbound {
  /** Resolves when everything is durable: now the platform may be told. Errors: nothing may be told. */
  accept(events: readonly InboundEvent[]): Promise<void>;
  /** What the last `saveCursor` of any owner kept. */
  readonly cursor: string | undefined;
  /** At most `limits.accountCursorChars`. Errors: `ownership_lost`, `engine_unavailable`. */
  saveCursor(cursor: string): Promise<void>;
  /** The connection is up: shown to operators. */
  connected(detail?: string): void;
  /** The connection is down, and is tried again. `reason`: a sentence without a secret. */
  disconnected(reason: string): void;
}

export type InboundEvent = InboundMessageEvent | ReceiptEvent | IgnoredEvent;

/** A person wrote something. */
export interface InboundMessageEvent {
  readonly type: "message";
  /** Unique in the account, and the same whenever the platform delivers this event. */
  readonly eventId: string;
  readonly chat: ChatAddress;
  readonly sender: ChatSender;
  /** As the platform shows it, without the mention of the account itself at the beginning. */
  readonly text: string;
  /** The platform's id of the message. */
  readonly messageId: string;
  /** The platform's order in the chat where it tells one; smaller is earlier. */
  readonly order?: number;
  /** The account was named, or a message of it was answered. */
  readonly mentionsAccount: boolean;
  readonly media: readonly MediaReference[];
  /** Milliseconds since 1970. */
  readonly sentAt: number;
}

export interface ChatAddress {
  readonly kind: "direct" | "group" | "channel";
  /** What the platform needs to send there. */
  readonly id: string;
  /** A thread or topic inside it. */
  readonly thread?: string;
  /** The chat that a thread-like chat hangs under. */
  readonly parent?: string;
  /** A Discord guild. */
  readonly guild?: string;
  /** A Slack workspace. */
  readonly team?: string;
}

export interface ChatSender {
  readonly id: string;
  /** As people wrote it: anything may stand in it. */
  readonly name?: string;
  readonly username?: string;
  readonly isBot: boolean;
  /** Discord roles. */
  readonly roles?: readonly string[];
}

export interface MediaReference {
  readonly kind: "image" | "audio" | "video" | "file";
  /** What `fetchMedia` needs; a URL or an id. */
  readonly source: string;
  readonly name?: string;
  readonly mime?: string;
  readonly bytes?: number;
}

export interface FetchedMedia {
  readonly mime: string;
  readonly data: Uint8Array;
}

/** The platform tells what became of a message that an agent sent. */
export interface ReceiptEvent {
  readonly type: "receipt";
  readonly eventId: string;
  readonly chat: ChatAddress;
  /** Who tells it, for finding the conversation of a direct chat. */
  readonly sender: ChatSender;
  /** The platform's id of the message; a read receipt covers all before it. */
  readonly messageId: string;
  /** The key that the send carried, where the platform gives it back. */
  readonly key?: string;
  /** `sent` resolves a send whose outcome was unknown. */
  readonly state: "sent" | "delivered" | "read" | "failed";
  readonly reason?: string;
  readonly at: number;
}

/** Something that changes nothing here: counted by `what`. */
export interface IgnoredEvent {
  readonly type: "ignored";
  /**
   * A short word of the channel's bounded set, such as `unknown_event`, `own_message`, `edited`, `automatic`,
   * `wrong_account` or `empty`.
   */
  readonly what: string;
}

/** One message of the platform. */
export interface Piece {
  /** In the platform's own format: what `send` needs, as JSON. */
  readonly body: unknown;
  /** The same for people, without markup. */
  readonly text: string;
}

export interface PieceSend {
  readonly piece: Piece;
  readonly chat: ChatAddress;
  /** The same for every try of this piece: 1 to 64 characters of A-Z a-z 0-9 . - _ */
  readonly key: string;
  /** The platform's id of the message that is answered. */
  readonly replyTo?: string;
  /**
   * When the piece may have been sent before, in milliseconds since 1970: an idempotency key that the
   * platform has forgotten by now protects it no more.
   */
  readonly firstTriedAt?: number;
}

export type SendOutcome =
  | { readonly outcome: "sent"; readonly platformId: string }
  /**
   * Another try is right: nothing was sent, or the key makes a repeat harmless. `scope`: what has to wait for
   * `afterMs`.
   */
  | {
      readonly outcome: "retry";
      readonly reason: string;
      /** Only where sends are idempotent. */
      readonly mayHaveBeenSent?: true;
      readonly afterMs?: number;
      readonly scope?: "chat" | "account";
    }
  /** It may have been sent: never repeated where sends are not idempotent. */
  | { readonly outcome: "unknown"; readonly reason: string }
  /** This message will never get there: the chat is gone, the account is blocked there, the format is refused. */
  | { readonly outcome: "failed"; readonly reason: string }
  /** The account's credentials do not work any more: its messages wait. */
  | { readonly outcome: "unauthorized"; readonly reason: string };
