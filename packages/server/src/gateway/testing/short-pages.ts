import type { Conversations } from "@holdfast/core";

/** Gives at most `size` messages at a time, as the owner of a conversation does where they are long. */
export function giveShortPages(conversations: Conversations, size: number): void {
  const history = conversations.history.bind(conversations);
  conversations.history = (ref, { after, limit }) =>
    history(ref, { after, limit: Math.min(limit, size) });
}
