import type { MessageId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { TurnEnd } from "../messages.ts";

/**
 * The ends of stateless calls that clients of other nodes wait for: nothing else keeps them, and the event
 * that told them may be lost. Bounded; the oldest leave first.
 */
export class EndedCalls {
  readonly #ends = new Map<MessageId, TurnEnd>();
  #chars = 0;

  get(id: MessageId): TurnEnd | undefined {
    return this.#ends.get(id);
  }

  add(id: MessageId, end: TurnEnd): void {
    if (this.#ends.has(id)) return;
    this.#ends.set(id, end);
    this.#chars += charsOf(end);
    for (const [oldest, its] of this.#ends) {
      const isFull =
        this.#ends.size > limits.endedCallsPerPartition || this.#chars > limits.endedCallChars;
      if (!isFull) return;
      this.#ends.delete(oldest);
      this.#chars -= charsOf(its);
    }
  }
}

function charsOf(end: TurnEnd): number {
  if (end.type === "failed") return end.message.length;
  return end.messages.reduce((chars, { text }) => chars + text.length, 0);
}
