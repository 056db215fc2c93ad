import { HoldfastError } from "./errors.ts";
import { limits } from "./limits.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type OrganizationName = Branded<"OrganizationName">;
export type AgentName = Branded<"AgentName">;
export type ConversationId = Branded<"ConversationId">;
export type MessageId = Branded<"MessageId">;
export type TurnId = Branded<"TurnId">;
export type NodeId = Branded<"NodeId">;

/** An agent's address. */
export interface AgentRef {
  readonly organization: OrganizationName;
  readonly agent: AgentName;
}

/** A conversation's address. */
export interface ConversationRef extends AgentRef {
  readonly conversation: ConversationId;
}

/** Names are DNS labels: they stand in subjects, URLs and file names unescaped. */
export const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Conversation ids are printable ASCII without spaces, `*`, `>`, `?`, `#`, `%` and slashes. */
export const conversationPattern = /^[A-Za-z0-9][A-Za-z0-9._:@+=|~,-]{0,199}$/;

export function organizationName(text: string): OrganizationName {
  return checked(text, namePattern, "organization", nameRule) as OrganizationName;
}

export function agentName(text: string): AgentName {
  return checked(text, namePattern, "agent", nameRule) as AgentName;
}

export function conversationId(text: string): ConversationId {
  return checked(
    text,
    conversationPattern,
    "conversation",
    `1 to ${limits.conversationIdLength} characters of A-Z a-z 0-9 . _ : @ + = | ~ , - beginning with a letter or digit`,
  ) as ConversationId;
}

/** `organization/agent`, the key of an agent in maps and the input of its partition. */
export function agentKey(ref: AgentRef): string {
  return `${ref.organization}/${ref.agent}`;
}

/** `organization/agent/conversation`. */
export function conversationKey(ref: ConversationRef): string {
  return `${ref.organization}/${ref.agent}/${ref.conversation}`;
}

/** The reverse of `conversationKey`. */
export function parseConversationKey(key: string): ConversationRef {
  const [organization = "", agent = "", ...rest] = key.split("/");
  return {
    organization: organization as OrganizationName,
    agent: agent as AgentName,
    conversation: rest.join("/") as ConversationId,
  };
}

const nameRule = `1 to ${limits.nameLength} characters of a-z 0-9 -, beginning and ending with a letter or digit`;

function checked(text: string, pattern: RegExp, what: string, rule: string): string {
  if (pattern.test(text)) return text;
  const shown = JSON.stringify(text.slice(0, 80));
  throw new HoldfastError("invalid_request", `${shown} is no ${what} name: expected ${rule}.`, {
    details: [{ path: what, message: `expected ${rule}` }],
  });
}
