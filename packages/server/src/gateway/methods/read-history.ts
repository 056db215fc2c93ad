import type { ConversationRef } from "@holdfast/core";
import type { Client } from "../client.ts";
import { gatewayLimits } from "../limits.ts";
import { type MessageView, messageViews } from "../messages.ts";
import { isNotFound } from "../protocol.ts";

export interface HistoryWish {
  readonly limit: number;
  /** How many of the newest are left out. */
  readonly offset: number;
  readonly maxChars: number;
}

export interface HistoryPart {
  /** Oldest first. */
  readonly messages: readonly MessageView[];
  readonly total: number;
  /** Where the part before this one begins; absent when there is none. */
  readonly nextOffset?: number;
}

/** The newest messages of a session, fewer where their text is long; none of one that has not begun. */
export async function readHistory(
  { services: { conversations, hub } }: Pick<Client, "services">,
  ref: ConversationRef,
  { limit, offset, maxChars }: HistoryWish,
): Promise<HistoryPart> {
  let newest: number;
  try {
    ({ newest } = await conversations.history(ref, { after: -1, limit: 1 }));
  } catch (thrown) {
    if (isNotFound(thrown)) return { messages: [], total: 0 };
    throw thrown;
  }
  const total = newest + 1;
  const until = Math.max(0, total - offset);
  const first = Math.max(0, until - limit);
  const found: MessageView[] = [];
  let chars = 0;
  let start = until;
  // Backwards, so that the newest are there whatever the older ones weigh.
  while (start > first) {
    const from = Math.max(first, start - gatewayLimits.historyPage);
    const page = await conversations.history(ref, { after: from - 1, limit: start - from });
    const views = messageViews(page.messages, maxChars, (id) => hub.runIdOf(id));
    for (const [at, message] of [...page.messages.entries()].reverse()) {
      chars += Math.min(message.text.length, maxChars);
      if (chars > gatewayLimits.historyChars && found.length > 0) return part(found, total, offset);
      const view = views[at];
      if (view) found.unshift(view);
    }
    start = from;
  }
  return part(found, total, offset);
}

function part(messages: readonly MessageView[], total: number, offset: number): HistoryPart {
  const nextOffset = offset + messages.length;
  return { messages, total, ...(nextOffset < total && { nextOffset }) };
}
