import { hash } from "node:crypto";
import {
  type AgentRef,
  type ConversationId,
  conversationId,
  conversationPattern,
  HoldfastError,
  limits,
} from "@holdfast/core";
import type { FastifyRequest } from "fastify";
import { AgentNames } from "../../gateway/agent-names.ts";
import { ProtocolError } from "../../gateway/protocol.ts";
import { conversationOf } from "../../gateway/session-keys.ts";
import { callerOf } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";

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
 * conversation. A session key `agent:<id>:<rest>` is the same conversation that OpenClaw's clients open with
 * it. Other foreign names may be anything: one that does not fit stands under its hash.
 * Errors: `invalid_request`, also for the session key of another agent.
 */
export function chooseConversation(
  context: RouteContext,
  request: FastifyRequest,
  agent: AgentRef,
  user: string | undefined,
  prefix: "once" | "resp",
): ConversationChoice {
  const key = idempotencyKey(request);
  const own = headerText(request, "x-holdfast-conversation");
  if (own !== undefined) return { conversation: conversationId(own), named: true, key };
  const session = headerText(request, sessionKeyHeader);
  if (session?.startsWith("agent:")) {
    const names = new AgentNames(context.resources, callerOf(request));
    return { conversation: sessionConversation(names, agent, session), named: true, key };
  }
  const foreign = session ?? (user || undefined);
  if (foreign !== undefined) return { conversation: fitting(foreign), named: true, key };
  // A key finds its first use only in the same conversation, so it names that too.
  const name = key === undefined ? context.random.token(24) : `key-${digest(key)}`;
  return { conversation: `${prefix}-${name}` as ConversationId, named: false, key };
}

export function headerText(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

const sessionKeyHeader = "x-openclaw-session-key";

function sessionConversation(names: AgentNames, agent: AgentRef, key: string): ConversationId {
  try {
    return conversationOf(names, key, names.idOf(agent)).conversation;
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    throw new HoldfastError("invalid_request", "The session key does not fit the agent.", {
      details: [{ path: sessionKeyHeader, message: thrown.shape.message }],
      cause: thrown,
    });
  }
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
