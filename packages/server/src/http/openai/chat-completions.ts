import type { NewMessage, TurnOptions } from "@holdfast/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { callerOf } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { completeTurn } from "../turns.ts";
import { ChatAnswer } from "./chat-answer.ts";
import { turnInput } from "./chat-messages.ts";
import { type ChatRequest, chatRefusals, chatRequest } from "./chat-request.ts";
import { chooseConversation, headerText } from "./conversation-names.ts";
import { resolveModel } from "./model-names.ts";
import { refuseUnsupported } from "./refusals.ts";
import { streamTurn } from "./turn-stream.ts";
import { modelSettings, toolDescriptor } from "./turn-settings.ts";

/** POST /v1/chat/completions, as OpenAI's clients know it. */
export function chatCompletionRoutes(app: FastifyInstance, context: RouteContext): void {
  app.post("/v1/chat/completions", {
    config: { access: "any" },
    schema: {
      operationId: "createChatCompletion",
      summary: "One answer of an agent, in OpenAI's shape",
      description: [
        "The conversation is named by x-holdfast-conversation, x-openclaw-session-key or `user`;",
        "without a name each call is its own and `messages` is all that the agent sees.",
      ].join(" "),
      body: chatRequest,
      response: {
        200: {
          description: "A chat.completion, or with `stream` chat.completion.chunk events",
          content: {
            "application/json": { schema: z.looseObject({ id: z.string() }) },
            "text/event-stream": { schema: z.string() },
          },
        },
        ...errorResponses(openAiErrors, "openai"),
      },
    },
    handler: (request, reply) => answerChat(context, request, reply),
  });
}

/** What either of OpenAI's endpoints can answer with. */
export const openAiErrors = [
  ...errorSets.guarded,
  ...errorSets.withBody,
  ...errorSets.submit,
  ...errorSets.turn,
  "model_not_found",
  "unsupported_content",
] as const;

async function answerChat(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const body = request.body as ChatRequest;
  refuseUnsupported(body, chatRefusals);
  const message = chatTurn(context, request, body);
  const created = Math.floor(context.clock.now() / 1_000);
  const options = {
    model: body.model,
    created,
    includeUsage: body.stream_options?.include_usage === true,
  };
  if (body.stream === true) {
    const format = (id: string) => new ChatAnswer(id, options);
    return await streamTurn(context, request, reply, message, format);
  }
  const { accepted, turn } = await completeTurn(context, reply, message);
  return reply.send(new ChatAnswer(accepted.id, options).whole(turn));
}

function chatTurn(context: RouteContext, request: FastifyRequest, body: ChatRequest): NewMessage {
  const openClawAgent = headerText(request, "x-openclaw-agent-id");
  const ref = resolveModel(context.resources, callerOf(request), body.model, openClawAgent);
  const choice = chooseConversation(context, request, ref, body.user ?? undefined, "once");
  const { content, history, instructions } = turnInput(body.messages, choice.named);
  const settings = modelSettings({
    temperature: body.temperature,
    topP: body.top_p,
    maxOutputTokens: body.max_completion_tokens ?? body.max_tokens,
    stop: body.stop,
    toolChoice: toolChoice(body.tool_choice),
    responseFormat: responseFormat(body.response_format),
  });
  const clientTools = (body.tools ?? []).map((tool) => toolDescriptor(tool.function));
  const options: TurnOptions = {
    ...(history.length > 0 ? { history } : {}),
    ...(instructions === undefined ? {} : { instructions }),
    ...(clientTools.length > 0 ? { clientTools } : {}),
    ...(settings === undefined ? {} : { settings }),
  };
  return {
    ...ref,
    conversation: choice.conversation,
    content,
    ...(choice.key === undefined ? {} : { key: choice.key }),
    ...(choice.named ? {} : { ephemeral: true }),
    ...(Object.keys(options).length > 0 ? { options } : {}),
  };
}

function toolChoice(choice: ChatRequest["tool_choice"]) {
  return typeof choice === "object" && choice !== null ? { tool: choice.function.name } : choice;
}

function responseFormat(format: ChatRequest["response_format"]) {
  if (format?.type === "json_object") return "json" as const;
  if (format?.type !== "json_schema") return undefined;
  return { name: format.json_schema.name, schema: format.json_schema.schema };
}
