import type { MessageId } from "../ids.ts";
import type { InboundMessage, TurnEnd } from "../messages.ts";
import { type ConversationState, outcomeOf } from "./conversation-state.ts";

/**
 * What is told to those who wait for a message that was handled before: the end of its turn where the
 * memory holds it whole, else that the history must be read.
 */
export function endOfHandled(
  state: ConversationState,
  { id, fingerprint }: Pick<InboundMessage, "id" | "fingerprint">,
): TurnEnd {
  const seen = state.seen.get(id);
  if (seen && seen.fingerprint !== (fingerprint ?? "")) return conflictEvent(id);
  if (seen && seen.index < 0) return droppedEvent(id);
  const messages = seen ? turnInMemory(state, seen.index) : [];
  const [first] = messages;
  if (first?.turn === undefined || messages.some(({ blob }) => blob !== undefined)) {
    return {
      type: "failed",
      inputs: [id],
      code: "wait_timeout",
      message: "The message was handled; its answer stands in the conversation's history.",
      final: false,
    };
  }
  return { type: "committed", turn: first.turn, inputs: [id], messages, ...outcomeOf(messages) };
}

/** What is told to those who wait for a key's second content. */
export function conflictEvent(id: MessageId): TurnEnd {
  return {
    type: "failed",
    inputs: [id],
    code: "idempotency_conflict",
    message: "The key was used before with another content, which alone took effect.",
    final: true,
  };
}

export function droppedEvent(id: MessageId): TurnEnd {
  return {
    type: "failed",
    inputs: [id],
    code: "dead_lettered",
    message: "The message failed for good and was put to the dead letters.",
    final: true,
  };
}

/** The messages of the turn whose input stands at an index, or none when that was sealed. */
function turnInMemory({ tail }: ConversationState, index: number) {
  const start = tail.findIndex((message) => message.index === index);
  const turn = tail[start]?.turn;
  return start < 0 ? [] : tail.slice(start).filter((message) => message.turn === turn);
}
