import { limits } from "@holdfast/core";
import { z } from "zod";
import { listOf, recordOf } from "../lists.ts";
import { functionName, textContent } from "./chat-request.ts";
import { isEmpty, never, only, type Refusal } from "./refusals.ts";

/** What clients may send to /v1/responses; `ignored` changes nothing about the answer. */

const ignored = z.unknown().optional();
const jsonSchema = recordOf(z.unknown());

const messageItem = z.looseObject({
  type: z.literal("message").optional(),
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: textContent,
});

export const inputItem = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("function_call"),
    call_id: z.string().min(1).max(200),
    name: z.string().min(1).max(200),
    arguments: z.string(),
  }),
  z.looseObject({
    type: z.literal("function_call_output"),
    call_id: z.string().min(1).max(200),
    output: textContent,
  }),
  z.looseObject({ type: z.literal("reasoning") }),
  messageItem,
]);
export type InputItem = z.infer<typeof inputItem>;

export const responsesRequest = z.strictObject({
  model: z.string().min(1).max(300),
  input: z.union([z.string(), listOf(inputItem, { min: 1 })]),
  instructions: z.string().nullish(),
  previous_response_id: z.string().max(2_000).nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  tools: listOf(
    z.looseObject({
      type: z.literal("function", "only function tools are supported"),
      name: functionName,
      description: z.string().nullish(),
      parameters: jsonSchema.nullish(),
      strict: z.boolean().nullish(),
    }),
    { max: limits.toolsPerAgent },
  ).nullish(),
  tool_choice: z
    .union([
      z.enum(["auto", "none", "required"]),
      z.looseObject({ type: z.literal("function"), name: functionName }),
    ])
    .nullish(),
  text: z
    .looseObject({
      format: z
        .discriminatedUnion("type", [
          z.looseObject({ type: z.literal("text") }),
          z.looseObject({ type: z.literal("json_object") }),
          z.looseObject({
            type: z.literal("json_schema"),
            name: functionName,
            schema: jsonSchema,
          }),
        ])
        .nullish(),
    })
    .nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_output_tokens: z.int().min(1).max(1_000_000).nullish(),
  user: z.string().max(10_000).nullish(),
  metadata: recordOf(z.string()).nullish(),
  include: ignored,
  stream_options: ignored,
  service_tier: ignored,
  prompt_cache_key: ignored,
  prompt_cache_options: ignored,
  prompt_cache_retention: ignored,
  reasoning: ignored,
  safety_identifier: ignored,
  // Refused below where they ask for something.
  background: ignored,
  conversation: ignored,
  context_management: ignored,
  max_tool_calls: ignored,
  moderation: ignored,
  parallel_tool_calls: ignored,
  prompt: ignored,
  top_logprobs: ignored,
  truncation: ignored,
});
export type ResponsesRequest = z.infer<typeof responsesRequest>;

export const responsesRefusals: readonly Refusal[] = [
  { param: "background", harmless: only(false), reason: "only false is supported" },
  {
    param: "conversation",
    harmless: never,
    reason: "name the conversation with x-holdfast-conversation or previous_response_id",
  },
  { param: "context_management", harmless: isEmpty, reason: "the agent's limits decide this" },
  { param: "max_tool_calls", harmless: never, reason: "the agent's limits decide this" },
  { param: "moderation", harmless: never, reason: "moderation is not done here" },
  { param: "parallel_tool_calls", harmless: only(true), reason: "only true is supported" },
  { param: "prompt", harmless: never, reason: "stored prompts are not known here" },
  { param: "top_logprobs", harmless: only(0), reason: "log probabilities are not known" },
  { param: "truncation", harmless: only("auto", "disabled"), reason: 'expected "auto"' },
];
