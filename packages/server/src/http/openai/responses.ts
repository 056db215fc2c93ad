import {
  type AgentRef,
  type ConversationId,
  limits,
  type NewMessage,
  type TurnOptions,
} from "@holdfast/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { callerOf } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses } from "../error-schemas.ts";
import { completeTurn } from "../turns.ts";
import { openAiErrors } from "./chat-completions.ts";
import { chooseConversation, headerText } from "./conversation-names.ts";
import { resolveModel } from "./model-names.ts";
import { refuseUnsupported } from "./refusals.ts";
import { ResponseAnswer } from "./response-answer.ts";
import { type Continuation, continueResponse, newestIndex } from "./response-chain.ts";
import { encodeResponseId } from "./response-ids.ts";
import { responseInput } from "./response-input.ts";
import { type ResponsesRequest, responsesRefusals, responsesRequest } from "./responses-request.ts";
import { modelSettings, toolDescriptor } from "./turn-settings.ts";
import { streamTurn } from "./turn-stream.ts";

/** POST /v1/responses, as OpenAI's clients know it. */
export function responseRoutes(app: FastifyInstance, context: RouteContext): void {
  app.post("/v1/responses", {
    config: { access: "any" },
    schema: {
      operationId: "createResponse",
      summary: "One response of an agent, in OpenAI's shape",
      description: [
        "`previous_response_id` continues a stored response; a name (x-holdfast-conversation,",
        "x-openclaw-session-key, `user`) continues that conversation.",
      ].join(" "),
      body: responsesRequest,
      response: {
        200: {
          description: "A response, or with `stream` its events",
          content: {
            "application/json": { schema: z.looseObject({ id: z.string() }) },
            "text/event-stream": { schema: z.string() },
          },
        },
        ...errorResponses([...openAiErrors, "previous_response_not_found"], "openai"),
      },
    },
    handler: (request, reply) => respond(context, request, reply),
  });
}

async function respond(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const body = request.body as ResponsesRequest;
  refuseUnsupported(body, responsesRefusals);
  const { message, after, bases } = await responseTurn(context, request, body);
  const { conversation } = message;
  const answer = (id: string) => {
    const responseId = encodeResponseId({ conversation, message: id as never, after, bases });
    return new ResponseAnswer(responseId, body, context.clock);
  };
  if (body.stream === true) return await streamTurn(context, request, reply, message, answer);
  const { accepted, turn } = await completeTurn(context, reply, message);
  return reply.send(answer(accepted.id).whole(turn));
}

interface ResponseTurn {
  readonly message: NewMessage;
  /** An index before the turn, and what the conversation branched from: parts of the response's id. */
  readonly after: number;
  readonly bases: Continuation["bases"];
}

async function responseTurn(
  context: RouteContext,
  request: FastifyRequest,
  body: ResponsesRequest,
): Promise<ResponseTurn> {
  const openClawAgent = headerText(request, "x-openclaw-agent-id");
  const agent = resolveModel(context.resources, callerOf(request), body.model, openClawAgent);
  const choice = chooseConversation(context, request, agent, body.user ?? undefined, "resp");
  const store = body.store !== false;
  const previous = body.previous_response_id ?? undefined;
  const linear = choice.key !== undefined;
  const continued =
    previous === undefined
      ? undefined
      : await continueResponse(context.conversations, agent, previous, {
          store,
          linear,
          maxChars: baseShare * maxContextChars(context, agent),
        });
  const input = responseInput(body.input, continued !== undefined || choice.named);
  const history = [...(continued?.history ?? []), ...input.history];
  const stays = continued?.conversation ?? (continued ? fresh(choice, context) : undefined);
  const conversation = stays ?? choice.conversation;
  const named = previous === undefined && choice.named;
  const message: NewMessage = {
    ...agent,
    conversation,
    content: input.content,
    ...(choice.key === undefined ? {} : { key: choice.key }),
    ...(store || named ? {} : { ephemeral: true }),
    ...turnOptions(body, history, input.instructions),
  };
  const after =
    continued?.after ?? (named ? await newestIndex(context.conversations, message) : -1);
  return { message, after, bases: continued?.bases ?? [] };
}

/** How much of an agent's context may be what a response branched from; the rest is for new words. */
const baseShare = 0.75;

function maxContextChars({ resources }: RouteContext, agent: AgentRef): number {
  return resources.agent(agent)?.limits?.maxContextChars ?? limits.contextChars;
}

/** A branch is a conversation of its own, whatever name the request gives. */
function fresh(
  choice: { readonly named: boolean; readonly conversation: ConversationId },
  { random }: RouteContext,
): ConversationId {
  return choice.named ? (`resp-${random.token(24)}` as ConversationId) : choice.conversation;
}

function turnOptions(
  body: ResponsesRequest,
  history: NonNullable<TurnOptions["history"]>,
  system: string | undefined,
): { options?: TurnOptions } {
  const texts = [body.instructions, system].filter((text) => text !== undefined && text !== null);
  const clientTools = (body.tools ?? []).map(toolDescriptor);
  const settings = modelSettings({
    temperature: body.temperature,
    topP: body.top_p,
    maxOutputTokens: body.max_output_tokens,
    toolChoice: toolChoice(body.tool_choice),
    responseFormat: responseFormat(body.text?.format),
  });
  const options: TurnOptions = {
    ...(history.length > 0 ? { history } : {}),
    ...(texts.length > 0 ? { instructions: texts.join("\n\n") } : {}),
    ...(clientTools.length > 0 ? { clientTools } : {}),
    ...(settings === undefined ? {} : { settings }),
  };
  return Object.keys(options).length > 0 ? { options } : {};
}

function toolChoice(choice: ResponsesRequest["tool_choice"]) {
  return typeof choice === "object" && choice !== null ? { tool: choice.name } : choice;
}

function responseFormat(format: NonNullable<ResponsesRequest["text"]>["format"]) {
  if (format?.type === "json_object") return "json" as const;
  if (format?.type !== "json_schema") return undefined;
  return { name: format.name, schema: format.schema };
}
