import type { StoredMessage } from "@holdfast/core";

/** What an agent said, as events carry it. */
export function assistantMessage(text: string, timestamp: number) {
  return { role: "assistant", content: [{ type: "text", text }], timestamp };
}

/** A message of the history, cut to `maxChars`. */
export function messageView(message: StoredMessage, maxChars: number) {
  const { id, index, role, at, toolCallId, toolName, isError, outcome, turn } = message;
  const isCut = message.text.length > maxChars;
  const text = isCut ? `${message.text.slice(0, maxChars)}\n[cut]` : message.text;
  const calls = (message.toolCalls ?? []).map((call) => ({
    type: "toolCall",
    id: call.id,
    name: call.name,
    arguments: argumentsOf(call.arguments),
  }));
  const texts = text === "" && calls.length > 0 ? [] : [{ type: "text", text }];
  return {
    role: role === "tool" ? "toolResult" : role,
    content: [...texts, ...calls],
    timestamp: at,
    // Ids of a turn's messages repeat its input's; with the index each is one of its own.
    __openclaw: { id: `${id}.${index}`, seq: index, ...(isCut && { truncated: true }) },
    ...(toolCallId !== undefined && { toolCallId }),
    ...(toolName !== undefined && { toolName }),
    ...(isError && { isError }),
    ...(turn !== undefined && { turnId: turn }),
    ...(outcome && {
      stopReason: outcome.finish,
      model: outcome.model,
      usage: { input: outcome.usage.inputTokens, output: outcome.usage.outputTokens },
    }),
  };
}

export type MessageView = ReturnType<typeof messageView>;

function argumentsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
