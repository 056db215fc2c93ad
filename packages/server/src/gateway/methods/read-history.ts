import type { ConversationRef, StoredMessage } from "@holdfast/core";
import type { Client } from "../client.ts";
import { historyRange } from "../history-range.ts";
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
  const room = new Room(maxChars);
  // Backwards, so that the newest are there whatever the older ones weigh.
  for (let start = until; start > first; ) {
    const from = Math.max(first, start - gatewayLimits.historyPage);
    const range = historyRange(conversations, ref, from, start);
    const kept = await newestThatFit(range, room, found.length === 0);
    found.unshift(...messageViews(kept, maxChars, (id) => hub.runIdOf(id)));
    if (kept.length < start - from) break;
    start = from;
  }
  return part(found, total, offset);
}

/** At least one where there must be; what does not fit is let go while the range is being read. */
async function newestThatFit(
  range: AsyncIterable<StoredMessage>,
  room: Room,
  mustHaveOne: boolean,
): Promise<readonly StoredMessage[]> {
  const kept: StoredMessage[] = [];
  for await (const message of range) {
    kept.push(message);
    room.take(message);
    while (room.isOver && kept.length > (mustHaveOne ? 1 : 0)) room.giveBack(kept.shift());
  }
  return kept;
}

/** What is left of the text that one answer holds, and of what is held for it. */
class Room {
  readonly #maxChars: number;
  #chars: number = gatewayLimits.historyChars;
  #readChars: number = gatewayLimits.historyReadChars;

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  get isOver(): boolean {
    return this.#chars < 0 || this.#readChars < 0;
  }

  take({ text }: StoredMessage): void {
    this.#chars -= Math.min(text.length, this.#maxChars);
    this.#readChars -= text.length;
  }

  giveBack(message: StoredMessage | undefined): void {
    const { length } = message?.text ?? "";
    this.#chars += Math.min(length, this.#maxChars);
    this.#readChars += length;
  }
}

function part(messages: readonly MessageView[], total: number, offset: number): HistoryPart {
  const nextOffset = offset + messages.length;
  return { messages, total, ...(nextOffset < total && { nextOffset }) };
}
