import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from "@ai-sdk/provider";
import type { ModelMessage, ModelRequest, ModelSettings, ToolCall } from "@holdfast/core";
import { isRecord, parseJson } from "./json.ts";

type CallOptions = Omit<LanguageModelV4CallOptions, "abortSignal" | "headers">;
type JsonSchema = Extract<
  NonNullable<LanguageModelV4CallOptions["tools"]>[number],
  { type: "function" }
>["inputSchema"];

const jsonInstruction = "Answer with one JSON object and nothing else.";

/** The request as AI SDK's providers take it. */
export function toCallOptions(request: ModelRequest): CallOptions {
  const { settings } = request;
  const options: CallOptions = { prompt: toPrompt(request) };
  if (settings.temperature !== undefined) options.temperature = settings.temperature;
  if (settings.topP !== undefined) options.topP = settings.topP;
  if (settings.maxOutputTokens !== undefined) options.maxOutputTokens = settings.maxOutputTokens;
  if (settings.stop !== undefined && settings.stop.length > 0) {
    options.stopSequences = [...settings.stop];
  }
  const format = settings.responseFormat;
  if (format !== undefined) {
    options.responseFormat =
      format === "json"
        ? { type: "json" }
        : { type: "json", name: format.name, schema: format.schema as JsonSchema };
  }
  if (request.tools.length > 0) {
    options.tools = request.tools.map((tool) => ({
      type: "function",
      name: tool.name,
      description: tool.description,
      inputSchema: { type: "object", ...tool.parameters } as JsonSchema,
    }));
    const choice = toToolChoice(settings);
    if (choice) options.toolChoice = choice;
  }
  return options;
}

function toToolChoice({ toolChoice }: ModelSettings): LanguageModelV4CallOptions["toolChoice"] {
  if (toolChoice === undefined) return undefined;
  if (typeof toolChoice === "string") return { type: toolChoice };
  return { type: "tool", toolName: toolChoice.tool };
}

function toPrompt(request: ModelRequest): LanguageModelV4Prompt {
  // OpenAI refuses JSON mode unless the word stands in a message; Anthropic has no such mode.
  const asJson = request.settings.responseFormat === "json" ? [jsonInstruction] : [];
  const instructions = [request.instructions, ...asJson].filter((text) => text.trim() !== "");
  const prompt: LanguageModelV4Prompt = [];
  if (instructions.length > 0) prompt.push({ role: "system", content: instructions.join("\n\n") });
  for (const message of pairToolMessages(request.messages)) prompt.push(...toMessage(message));
  return prompt;
}

function toMessage(message: ModelMessage): LanguageModelV4Message[] {
  if (message.role === "user") {
    // Providers refuse blank texts.
    const text = message.text.trim() === "" ? "(empty message)" : message.text;
    return [{ role: "user", content: [{ type: "text", text }] }];
  }
  if (message.role === "tool") {
    const output = { type: message.isError ? "error-text" : "text", value: message.text } as const;
    const { toolCallId, toolName } = message;
    return [{ role: "tool", content: [{ type: "tool-result", toolCallId, toolName, output }] }];
  }
  const calls = (message.toolCalls ?? []).map((call) => ({
    type: "tool-call" as const,
    toolCallId: call.id,
    toolName: call.name,
    input: toInput(call),
  }));
  const text = message.text.trim() === "" ? [] : [{ type: "text" as const, text: message.text }];
  if (text.length + calls.length === 0) return [];
  return [{ role: "assistant", content: [...text, ...calls] }];
}

/** Providers take only objects as arguments, whatever the model once wrote. */
function toInput(call: ToolCall): Record<string, unknown> {
  const parsed = parseJson(call.arguments.trim() === "" ? "{}" : call.arguments);
  if (isRecord(parsed)) return parsed;
  return { malformed_arguments: call.arguments };
}

/**
 * Providers refuse a conversation in which a tool result has no call before it or a call has no
 * result behind it, which a history cut to its limit can hold: the one is left out, the other
 * answered as unknown.
 */
function pairToolMessages(messages: readonly ModelMessage[]): readonly ModelMessage[] {
  if (!messages.some((message) => message.role === "tool" || hasCalls(message))) return messages;
  const paired: ModelMessage[] = [];
  let open = new Map<string, ToolCall>();
  const closeOpen = () => {
    for (const call of open.values()) {
      const text = "The result of this call is not known.";
      const ids = { toolCallId: call.id, toolName: call.name };
      paired.push({ role: "tool", ...ids, text, isError: true });
    }
    open = new Map();
  };
  for (const message of messages) {
    if (message.role === "tool") {
      if (open.delete(message.toolCallId)) paired.push(message);
      continue;
    }
    closeOpen();
    paired.push(message);
    if (message.role === "assistant") {
      open = new Map((message.toolCalls ?? []).map((call) => [call.id, call]));
    }
  }
  closeOpen();
  return paired;
}

function hasCalls(message: ModelMessage): boolean {
  return message.role === "assistant" && (message.toolCalls?.length ?? 0) > 0;
}
