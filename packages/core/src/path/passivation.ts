import { limits } from "../limits.ts";
import { type ActiveConversation, isIdle } from "./active-conversation.ts";
import type { ConversationState } from "./conversation-state.ts";

/** Conversations in memory, the longest unused first: an idle one stands where it was used last. */
export type ActiveConversations = Map<string, ActiveConversation>;

/** What one handled input that is remembered takes: its id, its fingerprint and the map's entry. */
const seenBytes = 64;

/** Puts a conversation behind all that were used before. */
export function touch(
  active: ActiveConversations,
  conversation: ActiveConversation,
  now: number,
): void {
  conversation.usedAt = now;
  if (active.get(conversation.key) !== conversation) return;
  active.delete(conversation.key);
  active.set(conversation.key, conversation);
}

export function unusedSince(active: ActiveConversations, since: number): ActiveConversation[] {
  const unused: ActiveConversation[] = [];
  for (const conversation of active.values()) {
    if (!isIdle(conversation)) continue;
    if (conversation.usedAt >= since) break;
    unused.push(conversation);
  }
  return unused;
}

/** The longest unused conversations that are over the memory's limits, if it is over them. */
export function excessOf(
  active: ActiveConversations,
  most: { readonly count: number; readonly bytes: number } = {
    count: limits.activeConversations,
    bytes: limits.activeConversationBytes,
  },
): ActiveConversation[] | undefined {
  let count = active.size - most.count;
  let bytes = -most.bytes;
  for (const { state } of active.values()) bytes += stateBytes(state);
  if (count <= 0 && bytes <= 0) return undefined;
  const leaving: ActiveConversation[] = [];
  for (const conversation of active.values()) {
    if (count <= 0 && bytes <= 0) break;
    if (!isIdle(conversation)) continue;
    leaving.push(conversation);
    count -= 1;
    bytes -= stateBytes(conversation.state);
  }
  return leaving;
}

/** A character takes at most two bytes. */
function stateBytes(state: ConversationState | undefined): number {
  return state ? 2 * state.tailChars + seenBytes * state.seen.size : 0;
}
