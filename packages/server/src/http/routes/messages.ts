import {
  type AgentName,
  type ConversationId,
  type ConversationRef,
  HoldfastError,
  limits,
  type NewMessage,
  type OrganizationName,
} from "@holdfast/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import {
  accepted,
  answer,
  conversationParams,
  historyPage,
  historyQuery,
  messageBody,
  messageHeaders,
} from "../schemas.ts";
import { completeTurn, turnText } from "../turns.ts";

export const conversationPath = "/api/v1/orgs/:org/agents/:agent/conversations/:id";

/** Stage 1 of the message path for HTTP: a message comes in, and is answered once it is durable. */
export function messageRoutes(app: FastifyInstance, context: RouteContext): void {
  const { conversations } = context;
  const config = { access: "organization" } as const;

  app.post(`${conversationPath}/messages`, {
    config,
    schema: {
      operationId: "postMessage",
      summary: "Sends a message; 202 once it is durable, 200 with the answer with `Prefer: wait`",
      params: conversationParams,
      headers: messageHeaders,
      body: messageBody,
      response: {
        200: answer,
        202: accepted,
        ...errorResponses([
          ...errorSets.guarded,
          ...errorSets.withBody,
          ...errorSets.submit,
          ...errorSets.turn,
          "organization_not_found",
        ]),
      },
    },
    handler: async (request, reply) => {
      const message = newMessage(request);
      const waitMs = preferredWaitMs(request.headers.prefer);
      if (waitMs !== undefined) return await answerMessage(context, reply, message, waitMs);
      const { id, duplicate } = await conversations.submit(message);
      return reply.code(202).send({ id, duplicate, conversation: message.conversation });
    },
  });

  app.get(`${conversationPath}/messages`, {
    config,
    schema: {
      operationId: "listMessages",
      summary: "The history in order, from the message after `after`",
      description: "Long texts make it fewer than `limit`; the last index tells whether it is all.",
      params: conversationParams,
      querystring: historyQuery,
      response: {
        200: historyPage,
        ...errorResponses([
          ...errorSets.guarded,
          "invalid_request",
          "organization_not_found",
          "agent_not_found",
          "conversation_not_found",
          "engine_unavailable",
        ]),
      },
    },
    handler: (request) =>
      conversations.history(
        conversationRef(request),
        request.query as { after: number; limit: number },
      ),
  });
}

/** The conversation of a checked address. */
export function conversationRef(request: FastifyRequest): ConversationRef {
  const { org, agent, id } = request.params as Record<"org" | "agent" | "id", string>;
  return {
    organization: org as OrganizationName,
    agent: agent as AgentName,
    conversation: id as ConversationId,
  };
}

function newMessage(request: FastifyRequest): NewMessage {
  const { text } = request.body as { text: string };
  const key = request.headers["idempotency-key"] as string | undefined;
  const content = { type: "text", text } as const;
  const ref = conversationRef(request);
  return key === undefined ? { ...ref, content } : { ...ref, content, key };
}

async function answerMessage(
  context: RouteContext,
  reply: FastifyReply,
  message: NewMessage,
  waitMs: number,
): Promise<FastifyReply> {
  const { accepted, turn } = await completeTurn(context, reply, message, waitMs);
  const { messages, finish, usage, model } = turn;
  void reply.header("preference-applied", `wait=${Math.round(waitMs / 1_000)}`);
  return reply.send({
    ...accepted,
    conversation: message.conversation,
    reply: turnText(messages),
    messages,
    finish,
    usage,
    model,
  });
}

/** `Prefer: wait=SECONDS` (RFC 7240, section 4.3); other preferences are ignored, as it says. */
function preferredWaitMs(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const found = /(?:^|[,;])\s*wait\s*=\s*"?([^",;\s]+)"?/i.exec(String(header));
  if (!found) return undefined;
  const seconds = Number(found[1]);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds * 1_000 > limits.waitMaxMs) {
    const expected = `expected wait=1 to wait=${limits.waitMaxMs / 1_000} seconds`;
    throw new HoldfastError("invalid_request", "The Prefer header has a wrong wait.", {
      details: [{ path: "prefer", message: expected }],
    });
  }
  return seconds * 1_000;
}
