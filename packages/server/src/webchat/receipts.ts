import type { InboundEvent, StoredMessage } from "@holdfast/core";
import { webchatLimits } from "./limits.ts";
import { visitorAddress } from "./place.ts";

type State = "delivered" | "read";

/** The answers that one connection handed over, and what its browser says of them. */
export class Receipts {
  readonly #visitor: string;
  /** Index and turn of answers of which the browser has not said all. */
  #open: { readonly index: number; readonly turn: string; isDelivered: boolean }[] = [];

  constructor(visitor: string) {
    this.#visitor = visitor;
  }

  shown({ index, turn }: StoredMessage): void {
    if (turn === undefined) return;
    this.#open.push({ index, turn, isDelivered: false });
    if (this.#open.length > webchatLimits.receipts) this.#open.shift();
  }

  /** Everything up to the index arrived. */
  delivered(index: number, at: number): InboundEvent[] {
    const news = this.#open.filter((each) => each.index <= index && !each.isDelivered);
    for (const each of news) each.isDelivered = true;
    return news.map(({ turn }) => this.#receipt(turn, "delivered", at));
  }

  /** Everything up to the index was seen: the newest receipt covers those before it. */
  read(index: number, at: number): InboundEvent[] {
    const newest = this.#open.findLast((each) => each.index <= index);
    this.#open = this.#open.filter((each) => each.index > index);
    return newest ? [this.#receipt(newest.turn, "read", at)] : [];
  }

  #receipt(turn: string, state: State, at: number): InboundEvent {
    // The key under which the answer's only piece was sent.
    const key = `${turn}.0`;
    const eventId = `${state}.${key}`;
    return {
      type: "receipt",
      eventId,
      ...visitorAddress(this.#visitor),
      messageId: key,
      key,
      state,
      at,
    };
  }
}
