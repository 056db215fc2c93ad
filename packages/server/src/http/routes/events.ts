import { HoldfastError } from "@holdfast/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { shown } from "../access.ts";
import { ConversationFeed } from "../conversation-feed.ts";
import type { RouteContext } from "../dependencies.ts";
import { apiErrorBody, requestError } from "../error-bodies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { logError } from "../errors.ts";
import { conversationParams, eventsHeaders, eventsQuery } from "../schemas.ts";
import { EventStream, sseEvent } from "../sse.ts";
import { conversationPath, conversationRef } from "./messages.ts";

/** What happens in a conversation, as server-sent events. */
export function eventRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get(`${conversationPath}/events`, {
    config: { access: "organization" },
    schema: {
      operationId: "streamEvents",
      summary: "Events as they happen; with `after` or Last-Event-ID what was missed first",
      description: [
        "`started`, `delta`, `tool`, `committed` and `failed` carry a ConversationEvent; `message` a",
        "StoredMessage that was missed; `error` an error, then the stream closes. The id is the",
        "index of the newest committed message.",
      ].join(" "),
      params: conversationParams,
      querystring: eventsQuery,
      headers: eventsHeaders,
      response: {
        200: { description: "Events", content: { "text/event-stream": { schema: z.string() } } },
        ...errorResponses([
          ...errorSets.guarded,
          "invalid_request",
          "organization_not_found",
          "agent_not_found",
          "engine_unavailable",
          "node_busy",
          "stream_too_slow",
        ]),
      },
    },
    handler: (request, reply) => streamEvents(context, request, reply),
  });
}

async function streamEvents(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const ref = conversationRef(request);
  if (!context.resources.agent(ref)) {
    throw new HoldfastError("agent_not_found", `No agent ${shown(ref.agent)} is found.`);
  }
  const stream = new EventStream(request, reply, context);
  const { stopping } = context.shutdown;
  const ended = AbortSignal.any([stream.closed, stopping]);
  const { conversations, clock } = context;
  using feed = new ConversationFeed(conversations, clock, ref, resumeAfter(request), ended);
  try {
    // A conversation that cannot be read is an ordinary error: nothing was streamed yet.
    await feed.open();
    await stream.write(": connected\n\n");
    for (let next = await feed.next(); next; next = await feed.next()) {
      await stream.write(sseEvent(next.data, next.type, next.id));
    }
    stream.end(stopping.aborted ? errorText(stoppingError(), request) : "");
  } catch (thrown) {
    const error = requestError(thrown);
    if (!stream.started) {
      stream.release();
      throw error;
    }
    logError(request, error);
    stream.end(errorText(error, request));
  }
  return reply;
}

/** Last-Event-ID is what a client that reconnects by itself sends; it is newer than its address. */
function resumeAfter(request: FastifyRequest): number | undefined {
  const header = request.headers["last-event-id"];
  if (typeof header === "string") return Number(header);
  return (request.query as { after?: number }).after;
}

function errorText(error: HoldfastError, request: FastifyRequest): string {
  return sseEvent(apiErrorBody(error, request.id), "error");
}

function stoppingError(): HoldfastError {
  return new HoldfastError("not_ready", "The node is stopping: connect again.");
}
