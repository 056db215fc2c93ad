import { limits } from "@holdfast/core";
import { z } from "zod";
import { listOf, recordOf } from "../lists.ts";
import { isEmpty, never, only, type Refusal } from "./refusals.ts";

/** What clients may send to /v1/chat/completions; `ignored` changes nothing about the answer. */

const ignored = z.unknown().optional();

export const textContent = z.union([
  z.string(),
  listOf(z.looseObject({ type: z.string(), text: z.string().optional() })),
]);

const toolCall = z.looseObject({
  id: z.string().min(1).max(200),
  type: z.literal("function"),
  function: z.looseObject({ name: z.string().min(1).max(200), arguments: z.string() }),
});

export const chatMessage = z.discriminatedUnion("role", [
  z.looseObject({ role: z.literal("system"), content: textContent }),
  z.looseObject({ role: z.literal("developer"), content: textContent }),
  z.looseObject({ role: z.literal("user"), content: textContent }),
  z.looseObject({
    role: z.literal("assistant"),
    content: textContent.nullish(),
    tool_calls: listOf(toolCall, { max: limits.toolCallsPerStep }).nullish(),
  }),
  z.looseObject({
    role: z.literal("tool"),
    content: textContent,
    tool_call_id: z.string().min(1).max(200),
  }),
]);
export type ChatMessage = z.infer<typeof chatMessage>;

export const functionName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 characters of A-Z a-z 0-9 _ -");

const jsonSchema = recordOf(z.unknown());

const chatTool = z.looseObject({
  type: z.literal("function"),
  function: z.looseObject({
    name: functionName,
    description: z.string().nullish(),
    parameters: jsonSchema.nullish(),
  }),
});

export const chatRequest = z.strictObject({
  model: z.string().min(1).max(300),
  messages: listOf(chatMessage, { min: 1 }),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  tools: listOf(chatTool, { max: limits.toolsPerAgent }).nullish(),
  tool_choice: z
    .union([
      z.enum(["auto", "none", "required"]),
      z.looseObject({
        type: z.literal("function"),
        function: z.looseObject({ name: functionName }),
      }),
    ])
    .nullish(),
  response_format: z
    .discriminatedUnion("type", [
      z.looseObject({ type: z.literal("text") }),
      z.looseObject({ type: z.literal("json_object") }),
      z.looseObject({
        type: z.literal("json_schema"),
        json_schema: z.looseObject({ name: functionName, schema: jsonSchema }),
      }),
    ])
    .nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_tokens: z.int().min(1).max(1_000_000).nullish(),
  max_completion_tokens: z.int().min(1).max(1_000_000).nullish(),
  stop: z.union([z.string(), listOf(z.string(), { max: 4 })]).nullish(),
  user: z.string().max(10_000).nullish(),
  metadata: ignored,
  store: ignored,
  seed: ignored,
  service_tier: ignored,
  prompt_cache_key: ignored,
  prompt_cache_options: ignored,
  prompt_cache_retention: ignored,
  prediction: ignored,
  reasoning_effort: ignored,
  verbosity: ignored,
  safety_identifier: ignored,
  // Refused below where they ask for something.
  n: ignored,
  logprobs: ignored,
  top_logprobs: ignored,
  modalities: ignored,
  audio: ignored,
  logit_bias: ignored,
  frequency_penalty: ignored,
  presence_penalty: ignored,
  parallel_tool_calls: ignored,
  functions: ignored,
  function_call: ignored,
  web_search_options: ignored,
  moderation: ignored,
});
export type ChatRequest = z.infer<typeof chatRequest>;

export const chatRefusals: readonly Refusal[] = [
  { param: "n", harmless: only(1), reason: "only 1 answer is given" },
  { param: "logprobs", harmless: only(false), reason: "log probabilities are not known" },
  { param: "top_logprobs", harmless: only(0), reason: "log probabilities are not known" },
  {
    param: "modalities",
    harmless: (value) => Array.isArray(value) && value.every((one) => one === "text"),
    reason: 'only ["text"] is answered',
  },
  { param: "audio", harmless: never, reason: "only text is answered" },
  { param: "logit_bias", harmless: isEmpty, reason: "the agent's model does not take it" },
  { param: "frequency_penalty", harmless: only(0), reason: "the agent's model does not take it" },
  { param: "presence_penalty", harmless: only(0), reason: "the agent's model does not take it" },
  { param: "parallel_tool_calls", harmless: only(true), reason: "only true is supported" },
  { param: "functions", harmless: never, reason: "deprecated by OpenAI: use tools" },
  { param: "function_call", harmless: never, reason: "deprecated by OpenAI: use tool_choice" },
  { param: "web_search_options", harmless: never, reason: "give the agent a search tool" },
  { param: "moderation", harmless: never, reason: "moderation is not done here" },
];
