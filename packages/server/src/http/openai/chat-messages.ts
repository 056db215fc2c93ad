import {
  HoldfastError,
  type InboundContent,
  type ModelMessage,
  type ToolAnswer,
} from "@holdfast/core";
import type { ChatMessage } from "./chat-request.ts";

/** A request's messages in the terms of a turn. */
export interface TurnInput {
  readonly content: InboundContent;
  readonly history: readonly ModelMessage[];
  /** The texts of system and developer messages. */
  readonly instructions: string | undefined;
}

/**
 * With `named`, the conversation knows what was said before: only what follows the last assistant
 * message is new. Otherwise the earlier messages are the turn's history.
 * Errors: `invalid_request`, `unsupported_content`.
 */
export function turnInput(messages: readonly ChatMessage[], named: boolean): TurnInput {
  const said = messages.map((message, index) => ({ message, index }));
  const instructions = said
    .filter(({ message }) => message.role === "system" || message.role === "developer")
    .map(({ message, index }) => contentText(message.content, `messages[${index}].content`));
  const rest = said.filter(({ message }) => !["system", "developer"].includes(message.role));
  const input = named ? newContent(rest) : lastContent(rest);
  return {
    ...input,
    instructions: instructions.length > 0 ? instructions.join("\n\n") : undefined,
  };
}

interface Said {
  readonly message: ChatMessage;
  readonly index: number;
}

type Input = Omit<TurnInput, "instructions">;

function newContent(said: readonly Said[]): Input {
  const start = said.findLastIndex(({ message }) => message.role === "assistant") + 1;
  const fresh = said.slice(start);
  const results = toolAnswers(fresh);
  const texts = fresh
    .filter(({ message }) => message.role === "user")
    .map(({ message, index }) => contentText(message.content, `messages[${index}].content`));
  if (results.length > 0 && texts.length > 0) {
    throw wrongMessages(
      "tool results and a user's text cannot come at once: send the results first",
    );
  }
  if (results.length > 0) return { content: { type: "tool-results", results }, history: [] };
  if (texts.length === 0) throw wrongMessages("expected a user or tool message at the end");
  return { content: { type: "text", text: nonEmpty(texts.join("\n\n")) }, history: [] };
}

function lastContent(said: readonly Said[]): Input {
  const last = said.at(-1);
  if (last?.message.role === "user") {
    const text = contentText(last.message.content, `messages[${last.index}].content`);
    const content: InboundContent = { type: "text", text: nonEmpty(text) };
    return { content, history: modelMessages(said.slice(0, -1)) };
  }
  if (last?.message.role !== "tool") {
    throw wrongMessages("expected a user or tool message at the end");
  }
  const start = said.findLastIndex(({ message }) => message.role !== "tool") + 1;
  // All of them, so that a result without its call is told.
  modelMessages(said);
  return {
    content: { type: "tool-results", results: toolAnswers(said.slice(start)) },
    history: modelMessages(said.slice(0, start)),
  };
}

function toolAnswers(said: readonly Said[]): ToolAnswer[] {
  return said.flatMap(({ message, index }) =>
    message.role === "tool"
      ? [
          {
            toolCallId: message.tool_call_id,
            text: contentText(message.content, `messages[${index}].content`),
          },
        ]
      : [],
  );
}

function modelMessages(said: readonly Said[]): ModelMessage[] {
  const toolNames = new Map<string, string>();
  return said.map(({ message, index }): ModelMessage => {
    const text = contentText(message.content, `messages[${index}].content`);
    if (message.role === "assistant") {
      const toolCalls = (message.tool_calls ?? []).map((call) => ({
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
      }));
      for (const { id, name } of toolCalls) toolNames.set(id, name);
      return { role: "assistant", text, ...(toolCalls.length > 0 ? { toolCalls } : {}) };
    }
    if (message.role !== "tool") return { role: "user", text };
    const toolCallId = message.tool_call_id;
    const toolName = toolNames.get(toolCallId);
    if (toolName === undefined) {
      throw new HoldfastError("invalid_request", "A tool result answers no call.", {
        details: [
          {
            path: `messages[${index}].tool_call_id`,
            message: "expected the id of a tool call of an earlier assistant message",
          },
        ],
      });
    }
    return { role: "tool", toolCallId, toolName, text };
  });
}

type Content = ChatMessage["content"];

/** The text of a content. Errors: `unsupported_content` for parts that are no text. */
export function contentText(content: Content, path: string): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  const texts = content.map((part, index) => {
    const isText = ["text", "input_text", "output_text"].includes(part.type);
    if (isText && part.text !== undefined) return part.text;
    throw new HoldfastError("unsupported_content", "A content part is no text.", {
      details: [{ path: `${path}[${index}]`, message: "expected a text part" }],
    });
  });
  return texts.join("");
}

export function nonEmpty(text: string): string {
  if (text === "") throw wrongMessages("the message's text is empty");
  return text;
}

function wrongMessages(message: string): HoldfastError {
  return new HoldfastError("invalid_request", "The messages are wrong.", {
    details: [{ path: "messages", message }],
  });
}
