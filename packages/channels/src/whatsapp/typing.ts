import { HoldfastError } from "@holdfast/core";
import type { Graph } from "./graph.ts";
import { refusalOf } from "./outcome.ts";

/** Typing is part of marking a message as read, and ends after 25 seconds or with the answer. */
export async function showTyping(
  graph: Graph,
  phoneNumberId: string,
  messageId: string,
  signal: AbortSignal,
): Promise<void> {
  const body = {
    messaging_product: "whatsapp",
    status: "read",
    message_id: messageId,
    typing_indicator: { type: "text" },
  };
  const answer = await graph.post(`${phoneNumberId}/messages`, body, signal);
  const refusal = answer.type === "answered" ? refusalOf(answer) : undefined;
  if (refusal !== undefined) throw new HoldfastError("channel_unavailable", refusal.reason);
}
