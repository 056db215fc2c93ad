import {
  type ConversationRef,
  type Conversations,
  HoldfastError,
  type StoredMessage,
} from "@holdfast/core";

/**
 * The messages from an index up to another (exclusive), oldest first. The conversation's owner gives fewer
 * at a time where they are long, and those are the oldest: so it is asked until the last one is there.
 * Errors: `not_ready`, those of `Conversations.history`.
 */
export async function* historyRange(
  conversations: Conversations,
  ref: ConversationRef,
  from: number,
  until: number,
): AsyncGenerator<StoredMessage> {
  for (let next = from; next < until; ) {
    const range = { after: next - 1, limit: until - next };
    const { messages } = await conversations.history(ref, range);
    const last = messages.at(-1);
    if (!last) {
      throw new HoldfastError("not_ready", "The history is not whole at the moment.", {
        retryAfterMs: 1_000,
      });
    }
    yield* messages;
    next = last.index + 1;
  }
}
