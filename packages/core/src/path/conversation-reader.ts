import type { HistoryPage, HistoryRange } from "../conversations.ts";
import { HoldfastError } from "../errors.ts";
import { type ConversationRef, conversationKey, type MessageId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { StoredMessage, TurnEnd } from "../messages.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import { outcomeOf } from "./conversation-state.ts";
import type { HistoryPages } from "./history.ts";
import type { HistoryLook } from "./looks.ts";
import type { Owners } from "./owners.ts";
import { droppedEvent } from "./repeats.ts";

export interface ReaderServices {
  readonly owners: Owners;
  readonly history: HistoryPages;
  readonly blobs: BlobStore;
  /** True when this node accepted messages of the conversation that are not answered. */
  readonly holds: (ref: ConversationRef) => boolean;
}

/** Reads conversations: their newest messages at the owner, the sealed ones from their pages. */
export class ConversationReader {
  readonly #services: ReaderServices;

  constructor(services: ReaderServices) {
    this.#services = services;
  }

  /**
   * Long texts may make it hold fewer messages than `limit`, but at least the next one.
   * Errors: `conversation_not_found`, `not_ready`, `engine_unavailable`.
   */
  async page(ref: ConversationRef, { after, limit }: HistoryRange): Promise<HistoryPage> {
    const from = after + 1;
    const look = await this.#services.owners.history(ref, from, from + limit);
    if (look.next === 0 && !look.isBusy && !this.#services.holds(ref)) {
      throw new HoldfastError(
        "conversation_not_found",
        `There is no conversation ${conversationKey(ref)}.`,
      );
    }
    const until = Math.min(look.next, from + limit);
    return { messages: await this.#read(ref, look, from, until), newest: look.next - 1 };
  }

  /** The end of the turn of a message that stands in the history at an index (below 0: it was dropped). */
  async turnEnd(ref: ConversationRef, id: MessageId, index: number): Promise<TurnEnd | undefined> {
    if (index < 0) return droppedEvent(id);
    const messages = await this.#turnFrom(ref, index);
    const turn = messages[0]?.turn;
    if (turn === undefined) return undefined;
    return { type: "committed", turn, inputs: [id], messages, ...outcomeOf(messages) };
  }

  /** Errors: `data_corrupt`. */
  async blobText(key: string): Promise<string> {
    const bytes = await this.#services.blobs.get(key);
    if (!bytes) throw new HoldfastError("data_corrupt", `Blob ${key} is missing.`);
    return new TextDecoder().decode(bytes);
  }

  /** The messages of the turn whose input stands at an index. */
  async #turnFrom(ref: ConversationRef, from: number): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (let next = from; ; ) {
      const until = next + limits.historyPageMessages;
      const look = await this.#services.owners.history(ref, next, until);
      const messages = await this.#read(ref, look, next, Math.min(look.next, until));
      for (const message of messages) {
        if (found[0] && message.turn !== found[0].turn) return found;
        found.push(message);
      }
      next += messages.length;
      if (messages.length === 0 || next >= look.next) return found;
    }
  }

  /**
   * Messages from `from` up to `until` (exclusive), long texts filled in; fewer when the owner gave fewer, or
   * when they hold over `historyReadChars`. One after another: together they may be more than the memory.
   */
  async #read(
    ref: ConversationRef,
    look: HistoryLook,
    from: number,
    until: number,
  ): Promise<StoredMessage[]> {
    const messages: StoredMessage[] = [];
    let chars = 0;
    for await (const stored of this.#stored(ref, look, from, until)) {
      const message = await this.#withLongText(stored);
      chars += charsOf(message);
      if (messages.length > 0 && chars > limits.historyReadChars) break;
      messages.push(message);
    }
    return messages;
  }

  async *#stored(
    ref: ConversationRef,
    { tail, tailStart }: HistoryLook,
    from: number,
    until: number,
  ): AsyncGenerator<StoredMessage, void, undefined> {
    // What is sealed after the owner was asked stands in both.
    const sealedUntil = Math.min(until, tailStart);
    const size = limits.historyPageMessages;
    for (let next = from; next < sealedUntil; ) {
      const end = Math.min(sealedUntil, (Math.floor(next / size) + 1) * size);
      yield* await this.#services.history.read(conversationKey(ref), next, end);
      next = end;
    }
    yield* tail.filter(({ index }) => index >= from && index < until);
  }

  async #withLongText(message: StoredMessage): Promise<StoredMessage> {
    if (message.blob === undefined) return message;
    const { blob, ...rest } = message;
    return { ...rest, text: await this.blobText(blob) };
  }
}

function charsOf({ text, toolCalls = [] }: StoredMessage): number {
  return toolCalls.reduce((chars, call) => chars + call.arguments.length, text.length);
}
