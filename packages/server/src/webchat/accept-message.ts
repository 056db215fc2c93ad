import {
  type Channels,
  type Clock,
  conversationKey,
  type ConversationRef,
  HoldfastError,
  type InboundMessageEvent,
} from "@holdfast/core";
import type { AddressBuckets } from "../http/token-bucket.ts";
import { type Places, visitorAddress, type VisitorPlace } from "./place.ts";
import type { ChatAccount } from "./web-account.ts";

export interface AcceptTools {
  readonly channels: Channels;
  readonly places: Places;
  readonly clock: Clock;
  /** Counts messages by visitor. */
  readonly sends: AddressBuckets;
}

export interface VisitorMessage {
  readonly visitor: string;
  readonly ref: ConversationRef;
  /** Made by the browser. */
  readonly id: string;
  readonly text: string;
}

/**
 * Resolves with true when the message is durable; false when the visitor's messages go elsewhere since the
 * account was changed. Errors: `rate_limited`, `invalid_text`, `forbidden`, `agent_not_found`, those of the
 * ingress.
 */
export async function acceptMessage(
  { channels, places, clock, sends }: AcceptTools,
  { account }: ChatAccount,
  { visitor, ref, id, text }: VisitorMessage,
): Promise<boolean> {
  const waitMs = sends.take(conversationKey(ref));
  if (waitMs > 0) throw tooFast(waitMs);
  if (text.includes("\0") || !text.isWellFormed()) {
    throw new HoldfastError("invalid_text", "A message holds U+0000 or a lone surrogate.");
  }
  // Asked before the ingress, which lets what it does not take fall without a word.
  const place = requirePlace(places.of(account, visitor), visitor);
  if (conversationKey(place.ref) !== conversationKey(ref)) return false;
  const event: InboundMessageEvent = {
    type: "message",
    eventId: id,
    messageId: id,
    ...visitorAddress(visitor),
    text,
    mentionsAccount: true,
    media: [],
    sentAt: clock.now(),
  };
  if (place.access === "pair") await requirePaired(channels, account, event);
  await channels.ingress.accept(account, [event]);
  return true;
}

/** Errors: `agent_not_found`, `forbidden`. */
export function requirePlace(place: VisitorPlace | undefined, visitor: string): VisitorPlace {
  if (!place) throw new HoldfastError("agent_not_found", "Nobody answers here at the moment.");
  if (place.access !== "refuse") return place;
  const problem = `This chat is only for people whom its operator has let in. You are known here as ${visitor}.`;
  throw new HoldfastError("forbidden", problem);
}

export function tooFast(retryAfterMs: number): HoldfastError {
  return new HoldfastError("rate_limited", "That was too fast: wait a moment.", { retryAfterMs });
}

/** Errors: `forbidden`, which tells the person the code; those of the pairing. */
async function requirePaired(
  { pairing }: Channels,
  account: ChatAccount["account"],
  event: InboundMessageEvent,
): Promise<void> {
  const asked = await pairing.request(account, event);
  if (asked.result === "paired") return;
  const problem =
    asked.result === "code"
      ? `This assistant does not know you yet. Give its operator this code, and then send your message again: ${asked.code}`
      : "This assistant does not know you yet, and too many people wait to be let in. Try again later.";
  throw new HoldfastError("forbidden", problem);
}
