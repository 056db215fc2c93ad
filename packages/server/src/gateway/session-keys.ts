import { type ConversationId, type ConversationRef, conversationPattern } from "@holdfast/core";
import type { AgentNames } from "./agent-names.ts";
import { gatewayLimits } from "./limits.ts";
import { invalidRequest } from "./protocol.ts";

/** The conversation of an agent that clients open when they name none. */
export const mainKey = "main";

/** Stands before the conversation of a key that is none itself. */
const escapeMark = "key~";

/**
 * OpenClaw's `agent:<id>:<rest>` is the conversation `<rest>` of that agent; a key without `agent:` belongs
 * to `agentId`, or to the default agent. What no conversation may be named (a space, a slash, an emoji)
 * stands in it as `~` and two hexadecimal digits for each byte. Errors: `INVALID_REQUEST`.
 */
export function conversationOf(
  names: AgentNames,
  key: string | undefined,
  agentId: string | undefined,
): ConversationRef {
  const given = key?.trim() || mainKey;
  if (given.length > gatewayLimits.sessionKeyChars)
    throw invalidRequest("the session key is too long");
  const [, id, rest] = /^agent:([^:]*):(.*)$/s.exec(given) ?? [];
  if (id === undefined || rest === undefined) {
    const ref = agentId === undefined ? names.defaultRef() : names.refOf(agentId);
    return { ...ref, conversation: toConversation(given) };
  }
  if (
    agentId !== undefined &&
    agentId !== "" &&
    names.idOf(names.refOf(agentId)) !== names.idOf(names.refOf(id))
  ) {
    throw invalidRequest(
      `session key ${JSON.stringify(given)} belongs to another agent than agentId`,
    );
  }
  return { ...names.refOf(id), conversation: toConversation(rest || mainKey) };
}

/** The key under which the client of `names` knows a conversation: the reverse of `conversationOf`. */
export function sessionKeyOf(names: AgentNames, ref: ConversationRef): string {
  return `agent:${names.idOf(ref)}:${fromConversation(ref.conversation)}`;
}

function toConversation(rest: string): ConversationId {
  if (conversationPattern.test(rest) && !rest.startsWith(escapeMark)) return rest as ConversationId;
  const escaped = [...Buffer.from(rest)]
    .map((byte) => String.fromCharCode(byte))
    .map((char) =>
      /[A-Za-z0-9._:@+=|,-]/.test(char)
        ? char
        : `~${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
    )
    .join("");
  const name = `${escapeMark}${escaped}`;
  if (!conversationPattern.test(name)) throw invalidRequest("the session key is too long");
  return name as ConversationId;
}

function fromConversation(conversation: ConversationId): string {
  if (!conversation.startsWith(escapeMark)) return conversation;
  const bytes = conversation
    .slice(escapeMark.length)
    .replaceAll(/~([0-9a-f]{2})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    );
  return Buffer.from(bytes, "latin1").toString("utf8");
}
