import {
  type ConversationRef,
  conversationKey,
  HoldfastError,
  limits,
  type StoredMessage,
} from "@holdfast/core";
import type { RunRecord } from "./run-record.ts";
import { call, processName, type SimNode } from "./sim-node.ts";

/** Everything that readers ever saw of the conversations' histories: it must never change. */
export class Histories {
  readonly #record: RunRecord;
  readonly #seen = new Map<string, string[]>();

  constructor(record: RunRecord) {
    this.#record = record;
  }

  /** A conversation's whole history, page by page; empty when there is none. */
  async read(node: SimNode, ref: ConversationRef): Promise<readonly StoredMessage[]> {
    const all: StoredMessage[] = [];
    try {
      for (;;) {
        const page = { after: all.length - 1, limit: 7 };
        const { messages, newest } = await call(node, ({ conversations }) =>
          conversations.history(ref, page),
        );
        all.push(...messages);
        if (messages.length === 0 || newest < all.length) break;
      }
    } catch (thrown) {
      const isNone = thrown instanceof HoldfastError && thrown.code === "conversation_not_found";
      if (!isNone) throw thrown;
    }
    const key = conversationKey(ref);
    this.#record.note(`${processName(node)} reads ${all.length} messages of ${key}`);
    this.#compare(key, all);
    return all;
  }

  #compare(key: string, messages: readonly StoredMessage[]): void {
    const seen = this.#seen.get(key) ?? [];
    this.#seen.set(key, seen);
    if (messages.length > limits.historyTailMessages) this.#record.count("read sealed pages");
    messages.forEach((message, place) => {
      if (message.index !== place) {
        this.#record.violate(`${key} has index ${message.index} at place ${place}`);
      }
      const text = JSON.stringify(message);
      const before = seen[place];
      if (before !== undefined && before !== text) {
        this.#record.violate(
          `${key} changed at ${place}: was ${before.slice(0, 200)}, is ${text.slice(0, 200)}`,
        );
      }
      seen[place] = text;
    });
  }
}
