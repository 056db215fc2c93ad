import {
  type ConversationId,
  conversationPattern,
  HoldfastError,
  limits,
  type MessageId,
} from "@holdfast/core";

/**
 * What a response id says: where its turn stands. It names neither organization nor agent, so it can
 * only lead into conversations of the agent that the request itself is allowed to reach.
 */
export interface ResponseRef {
  readonly conversation: ConversationId;
  /** The message that began the response's turn, and an index before it. */
  readonly message: MessageId;
  readonly after: number;
  /** The conversations that this one branched from, oldest first, each up to an index. */
  readonly bases: readonly Base[];
}

export interface Base {
  readonly conversation: ConversationId;
  readonly upTo: number;
}

/** `resp_` and base64url; ids are opaque to clients. */
export function encodeResponseId({ conversation, message, after, bases }: ResponseRef): string {
  const parts = [conversation, message, after, ...bases.flatMap((b) => [b.conversation, b.upTo])];
  return `resp_${Buffer.from(JSON.stringify(parts)).toString("base64url")}`;
}

/** Errors: `previous_response_not_found` for anything that is no such id. */
export function decodeResponseId(id: string): ResponseRef {
  const parts = id.startsWith("resp_") ? parseParts(id.slice("resp_".length)) : undefined;
  const [conversation, message, after, ...rest] = parts ?? [];
  const sound =
    isConversation(conversation) &&
    typeof message === "string" &&
    isIndex(after, -1) &&
    rest.length % 2 === 0 &&
    rest.length <= 2 * limits.responseForks;
  const bases: Base[] = [];
  for (let i = 0; i < rest.length; i += 2) {
    const [base, upTo] = [rest[i], rest[i + 1]];
    if (!isConversation(base) || !isIndex(upTo, 0)) throw responseNotFound(id);
    bases.push({ conversation: base, upTo });
  }
  if (!sound) throw responseNotFound(id);
  return { conversation, message: message as MessageId, after, bases };
}

export function responseNotFound(id: string): HoldfastError {
  const shown = JSON.stringify(id.slice(0, 80));
  return new HoldfastError(
    "previous_response_not_found",
    `Previous response with id ${shown} not found.`,
    { details: [{ path: "previous_response_id", message: "expected a stored response's id" }] },
  );
}

function parseParts(text: string): unknown[] | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined; // Not an id of ours: the caller says so.
  }
}

function isConversation(value: unknown): value is ConversationId {
  return typeof value === "string" && conversationPattern.test(value);
}

function isIndex(value: unknown, min: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= min;
}
