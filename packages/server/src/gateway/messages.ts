import type { MessageId, StoredMessage } from "@holdfast/core";

/** What an agent said, as events carry it. */
export function assistantMessage(text: string, timestamp: number) {
  return { role: "assistant", content: [{ type: "text", text }], timestamp };
}

/** Each message is one of its own, although those of a turn may repeat its input's id. */
export function messageIdOf({ id, index }: StoredMessage): string {
  return `${id}.${index}`;
}

/**
 * Messages of the history, each cut to `maxChars`. Clients know their own again by the id of the run that
 * they began, where `runIdOf` knows it.
 */
export function messageViews(
  messages: readonly StoredMessage[],
  maxChars: number,
  runIdOf: (id: MessageId) => string | undefined,
) {
  const runs = new Map<string, string>();
  for (const { role, turn, id } of messages) {
    const runId = role === "user" ? runIdOf(id) : undefined;
    if (turn !== undefined && runId !== undefined && !runs.has(turn)) runs.set(turn, runId);
  }
  return messages.map((message) => {
    const { role, turn, id } = message;
    const runId = role === "user" ? runIdOf(id) : runs.get(turn ?? "");
    return messageView(message, maxChars, runId);
  });
}

export type MessageView = ReturnType<typeof messageView>;

function messageView(message: StoredMessage, maxChars: number, runId: string | undefined) {
  const { index, role, at, toolCallId, toolName, isError, outcome } = message;
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
    __openclaw: {
      id: messageIdOf(message),
      seq: index + 1,
      ...(runId !== undefined && { runId, ...(role === "user" && { idempotencyKey: runId }) }),
      ...(isCut && { truncated: true }),
    },
    ...(toolCallId !== undefined && { toolCallId }),
    ...(toolName !== undefined && { toolName }),
    ...(isError && { isError }),
    ...(outcome && {
      stopReason: outcome.finish,
      model: outcome.model,
      usage: { input: outcome.usage.inputTokens, output: outcome.usage.outputTokens },
    }),
  };
}

function argumentsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
