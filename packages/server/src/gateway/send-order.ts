import { type Clock, type ConversationRef, conversationKey } from "@holdfast/core";
import { gatewayLimits } from "./limits.ts";

/** What one connection sends to a session is accepted one after the other, in the order in which it came. */
export class SendOrder {
  readonly #clock: Clock;
  /** By conversation: resolves when the next may be accepted. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Errors: those of `accept`. */
  async take<T>(ref: ConversationRef, accept: () => Promise<T>): Promise<T> {
    const key = conversationKey(ref);
    const before = this.#last.get(key);
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    this.#last.set(key, over);
    await before;
    // What hangs loses its place: it must not keep everything behind it for ever.
    const cancel = this.#clock.schedule(gatewayLimits.acceptMs, end);
    try {
      return await accept();
    } finally {
      cancel();
      end();
      if (this.#last.get(key) === over) this.#last.delete(key);
    }
  }
}
