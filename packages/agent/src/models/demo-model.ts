import type { ModelEvent, ModelMessage, ModelRequest, ToolCall } from "@holdfast/core";
import { evaluateArithmetic } from "./arithmetic.ts";
import { estimateTokens } from "./tokens.ts";

export const greeterModel = "greeter";

const wordsPerChunk = 3;
const toolReportMaxChars = 2_000;

const abilities = `I am Holdfast's built-in demo model. I follow simple rules, work offline, and always answer the same. I can:
- greet you, and remember your name: "My name is Ada"
- calculate: "What is 12 * (3 + 4)?"
- repeat: "Echo good morning"
- call a tool: /tool NAME {"argument": "value"}
For real answers set ANTHROPIC_API_KEY or OPENAI_API_KEY, or declare a Provider.`;

/** Answers by rules, offline and deterministic, and says so. */
export async function* streamDemo(
  request: ModelRequest,
  title: string,
): AsyncGenerator<ModelEvent> {
  const reply = answer(request);
  const text = typeof reply === "string" ? inFormat(reply, request) : "";
  for (const chunk of chunksOf(text)) yield { type: "text", text: chunk };
  if (typeof reply !== "string") yield { type: "tool-call", call: reply };
  yield {
    type: "finish",
    reason: typeof reply === "string" ? "stop" : "tool-calls",
    usage: {
      inputTokens: request.messages.reduce((sum, { text }) => sum + estimateTokens(text), 0),
      outputTokens: estimateTokens(typeof reply === "string" ? text : reply.arguments),
    },
    model: title,
  };
}

function answer(request: ModelRequest): string | ToolCall {
  const { messages } = request;
  const last = messages.at(-1);
  if (last?.role === "tool") return reportTools(messages);
  const text = lastUserText(messages).trim();
  const tool = /^\/tool\s+(\S+)\s*([\s\S]*)$/i.exec(text);
  if (tool) return callTool(tool[1] ?? "", tool[2] ?? "", request);
  if (/^\/tool\s*$/i.test(text)) return listTools(request);
  for (const rule of rules) {
    const reply = rule(text, messages);
    if (reply !== undefined) return reply;
  }
  const heard = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return `I am only the demo model and have no rule for "${heard}". Ask "What can you do?" to see what I know.`;
}

type Rule = (text: string, messages: readonly ModelMessage[]) => string | undefined;

const rules: readonly Rule[] = [
  (text) =>
    text === "" ? "You sent an empty message. I am the demo model; say hello!" : undefined,
  (text) =>
    /^\/?help\b|what can you do|who are you|what are you/i.test(text) ? abilities : undefined,
  (text) => /^(?:echo|say|repeat)[:\s]+([\s\S]+)$/i.exec(text)?.[1],
  (text, messages) => {
    if (!/what(?:'s| is) my name|who am i/i.test(text)) return undefined;
    const name = rememberedName(messages);
    return name === undefined
      ? 'You have not told me your name yet. Try: "My name is Ada".'
      : `Your name is ${name}.`;
  },
  (text) => {
    const name = nameIn(text);
    return name === undefined ? undefined : `Nice to meet you, ${name}! I will remember your name.`;
  },
  (text) => {
    const result = evaluateArithmetic(text);
    return result === undefined ? undefined : `${result.expression} = ${result.value}`;
  },
  (text) =>
    /what time|what day|what.*date/i.test(text)
      ? "I am the demo model and have no clock; a real model with a tool could tell you."
      : undefined,
  (text, messages) => {
    if (!/^(hi|hello|hey|good (morning|afternoon|evening)|hallo|hola|bonjour)\b/i.test(text)) {
      return undefined;
    }
    const name = rememberedName(messages);
    const whom = name === undefined ? "" : `, ${name}`;
    return `Hello${whom}! I am Holdfast's built-in demo model: rule-based and offline. Ask "What can you do?"`;
  },
  (text) => (/^(thanks|thank you)\b/i.test(text) ? "You are welcome!" : undefined),
  (text) => (/^(bye|goodbye|see you)\b/i.test(text) ? "Goodbye! I stay here." : undefined),
];

function nameIn(text: string): string | undefined {
  return /\b(?:my name is|call me|i'm called)\s+(\p{L}[\p{L}'-]{0,40})/iu.exec(text)?.[1];
}

function rememberedName(messages: readonly ModelMessage[]): string | undefined {
  for (const message of messages.toReversed()) {
    const name = message.role === "user" ? nameIn(message.text) : undefined;
    if (name !== undefined) return name;
  }
  return undefined;
}

function callTool(name: string, json: string, request: ModelRequest): string | ToolCall {
  const known = request.tools.some((tool) => tool.name === name);
  if (!known || request.settings.toolChoice === "none") {
    return `I have no tool named ${name}. ${listTools(request)}`;
  }
  const earlier = request.messages.reduce(
    (sum, message) => sum + (message.role === "assistant" ? (message.toolCalls?.length ?? 0) : 0),
    0,
  );
  const id = `demo_call_${earlier + 1}`;
  return { id, name, arguments: json.trim() === "" ? "{}" : json.trim() };
}

function listTools({ tools }: ModelRequest): string {
  if (tools.length === 0) return "This agent has no tools.";
  return `My tools are: ${tools.map((tool) => tool.name).join(", ")}.`;
}

function reportTools(messages: readonly ModelMessage[]): string {
  const from = messages.findLastIndex((message) => message.role !== "tool") + 1;
  return messages
    .slice(from)
    .map((message) => {
      if (message.role !== "tool") return "";
      const text = message.text.slice(0, toolReportMaxChars);
      return `${message.toolName} ${message.isError ? "failed" : "answered"}: ${text}`;
    })
    .join("\n");
}

function lastUserText(messages: readonly ModelMessage[]): string {
  return messages.findLast((message) => message.role === "user")?.text ?? "";
}

function inFormat(text: string, { settings }: ModelRequest): string {
  return settings.responseFormat === undefined
    ? text
    : JSON.stringify({ demo: true, answer: text });
}

function chunksOf(text: string): string[] {
  const words = text.match(/\s*\S+\s*/g) ?? (text === "" ? [] : [text]);
  const chunks: string[] = [];
  for (let index = 0; index < words.length; index += wordsPerChunk) {
    chunks.push(words.slice(index, index + wordsPerChunk).join(""));
  }
  return chunks;
}
