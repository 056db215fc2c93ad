import type { ChatAddress, MediaReference } from "./ports/channel.ts";

/** A chat on one of the organization's channel accounts. */
export interface MessageSource {
  readonly account: string;
  readonly chat: ChatAddress;
  /** The platform's id of the message, for answers that name what they answer. */
  readonly messageId?: string;
  /** The platform's order in the chat; smaller is earlier. */
  readonly order?: number;
  readonly media?: readonly MediaReference[];
}

export interface OutgoingPiece {
  readonly state: PieceState;
  readonly platformId?: string;
  readonly reason?: string;
  /** When it was sent last, in milliseconds since 1970. */
  readonly at: number;
  /** When the platform told its state. */
  readonly toldAt?: number;
  /** What the platform told before the outcome of the send was known. */
  readonly early?: Receipt;
}

/** What a platform says of a message that it took. */
export interface Receipt {
  readonly account: string;
  readonly messageId: string;
  /** The key of the send, where the platform gives it back. */
  readonly key?: string;
  readonly state: "sent" | "delivered" | "read" | "failed";
  readonly reason?: string;
  readonly at: number;
}

/** `started`: it may have been sent. */
export type PieceState = "started" | "sent" | "delivered" | "read" | "failed" | "unknown";

export type DeliveryState = "accepted" | "sent" | "delivered" | "read" | "failed" | "unknown";

/** A message for a chat as people are shown it. */
export interface DeliveryView {
  readonly id: string;
  readonly account: string;
  readonly chat: string;
  readonly state: DeliveryState;
  /** It failed, and waits for `retry` or `discard`. */
  readonly isHeld?: true;
  readonly at: number;
  /** How many pieces it has; 0 before the first was begun. */
  readonly of: number;
  readonly pieces: readonly OutgoingPiece[];
}

/** What a platform or a person says of an outgoing message; comes through the inbox. */
export type DeliveryNews =
  | (Receipt & { readonly type: "receipt" })
  | { readonly type: "retry" | "discard"; readonly id: string; readonly at: number };
