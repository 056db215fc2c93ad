import { hash } from "node:crypto";
import {
  type ConversationId,
  conversationId,
  conversationPattern,
  HoldfastError,
  limits,
  type Random,
} from "@holdfast/core";
import type { FastifyRequest } from "fastify";

/** Which conversation an OpenAI-shaped request belongs to. */
export interface ConversationChoice {
  readonly conversation: ConversationId;
  /** False for a conversation of this one call. */
  readonly named: boolean;
  /** The Idempotency-Key. */
  readonly key: string | undefined;
}

/**
 * `x-holdfast-conversation`, then `x-openclaw-session-key`, then `user`; without one of them a new
 * conversation. Foreign names may be anything: one that does not fit stands under its hash.
 * Errors: `invalid_request`.
 */
export function chooseConversation(
  request: FastifyRequest,
  user: string | undefined,
  random: Random,
  prefix: "once" | "resp",
): ConversationChoice {
  const key = idempotencyKey(request);
  const own = headerText(request, "x-holdfast-conversation");
  if (own !== undefined) return { conversation: conversationId(own), named: true, key };
  const foreign = headerText(request, "x-openclaw-session-key") ?? (user || undefined);
  if (foreign !== undefined) return { conversation: fitting(foreign), named: true, key };
  // A key finds its first use only in the same conversation, so it names that too.
  const name = key === undefined ? random.token(24) : `key-${digest(key)}`;
  return { conversation: `${prefix}-${name}` as ConversationId, named: false, key };
}

export function headerText(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function fitting(name: string): ConversationId {
  return (conversationPattern.test(name) ? name : `name-${digest(name)}`) as ConversationId;
}

function digest(text: string): string {
  return hash("sha256", text, "hex").slice(0, 40);
}

function idempotencyKey(request: FastifyRequest): string | undefined {
  const key = headerText(request, "idempotency-key");
  if (key === undefined) return undefined;
  if (key.length <= limits.idempotencyKeyLength && /^[\x21-\x7e]+$/.test(key)) return key;
  const message = `expected 1 to ${limits.idempotencyKeyLength} visible ASCII characters`;
  throw new HoldfastError("invalid_request", "The Idempotency-Key is malformed.", {
    details: [{ path: "idempotency-key", message }],
  });
}
