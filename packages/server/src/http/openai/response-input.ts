import type { ChatMessage } from "./chat-request.ts";
import { contentText, nonEmpty, type TurnInput, turnInput } from "./chat-messages.ts";
import type { InputItem, ResponsesRequest } from "./responses-request.ts";
import { HoldfastError } from "@holdfast/core";

/**
 * The input of a response in the terms of a turn: a text, or items that mean what the messages of a
 * chat mean. Errors: those of `turnInput`, their paths naming `input`.
 */
export function responseInput(input: ResponsesRequest["input"], named: boolean): TurnInput {
  try {
    if (typeof input === "string") {
      const content = { type: "text", text: nonEmpty(input) } as const;
      return { content, history: [], instructions: undefined };
    }
    return turnInput(chatMessages(input), named);
  } catch (thrown) {
    throw namingInput(thrown);
  }
}

function chatMessages(items: readonly InputItem[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const [index, item] of items.entries()) {
    if ("role" in item && isMessage(item)) {
      messages.push({ role: item.role, content: item.content });
    } else if (item.type === "function_call") {
      addToolCall(messages, item);
    } else if (item.type === "function_call_output") {
      const { call_id, output } = item;
      const content = contentText(output, `input[${index}].output`);
      messages.push({ role: "tool", tool_call_id: call_id, content });
    }
    // What is left is reasoning: a model's notes to itself, which ours do not read.
  }
  return messages;
}

function isMessage(item: InputItem): item is Extract<InputItem, { role: string }> {
  return item.type === undefined || item.type === "message";
}

/** Calls beside each other are one assistant message. */
function addToolCall(
  messages: ChatMessage[],
  item: Extract<InputItem, { type: "function_call" }>,
): void {
  const call = {
    id: item.call_id,
    type: "function" as const,
    function: { name: item.name, arguments: item.arguments },
  };
  const last = messages.at(-1);
  if (last?.role === "assistant") last.tool_calls = [...(last.tool_calls ?? []), call];
  else messages.push({ role: "assistant", content: "", tool_calls: [call] });
}

function namingInput(thrown: unknown): unknown {
  if (!(thrown instanceof HoldfastError)) return thrown;
  const details = thrown.details.map((detail) => ({
    ...detail,
    path: detail.path.replace(/^messages/, "input"),
  }));
  return new HoldfastError(thrown.code, thrown.message, { details, cause: thrown });
}
