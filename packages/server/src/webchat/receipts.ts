import type { InboundEvent, StoredMessage } from "@holdfast/core";
import { webchatLimits } from "./limits.ts";
import { visitorAddress } from "./place.ts";

type State = "delivered" | "read";

interface OpenAnswer {
  readonly index: number;
  readonly turn: string;
  isDelivered: boolean;
}

/** The answers that a browser has, and what it says of them. */
export class Receipts {
  readonly #visitor: string;
  readonly #before: () => Promise<readonly StoredMessage[]>;
  #recalled: Promise<void> | undefined;
  /** Index and turn of answers of which the browser has not said all. */
  #open: readonly OpenAnswer[] = [];

  /** `before` reads the newest answers that the browser had when it connected, the oldest first. */
  constructor(visitor: string, before: () => Promise<readonly StoredMessage[]>) {
    this.#visitor = visitor;
    this.#before = before;
  }

  shown(answer: StoredMessage): void {
    this.#keep([...this.#open, ...openOf(answer)]);
  }

  /** Everything up to the index arrived. */
  async delivered(index: number, at: number): Promise<readonly InboundEvent[]> {
    await this.#recall();
    const news = this.#open.filter((each) => each.index <= index && !each.isDelivered);
    for (const each of news) each.isDelivered = true;
    return news.map(({ turn }) => this.#receipt(turn, "delivered", at));
  }

  /** Everything up to the index was seen: the newest receipt covers those before it. */
  async read(index: number, at: number): Promise<readonly InboundEvent[]> {
    await this.#recall();
    const newest = this.#open.findLast((each) => each.index <= index);
    this.#open = this.#open.filter((each) => each.index > index);
    return newest ? [this.#receipt(newest.turn, "read", at)] : [];
  }

  /** A line that broke may have lost what the browser said of them, so it says it again. Errors: none. */
  async #recall(): Promise<void> {
    this.#recalled ??= this.#before().then((answers) => {
      this.#keep([...answers.flatMap(openOf), ...this.#open]);
    });
    try {
      await this.#recalled;
    } catch {
      // Nobody can read them now: asked again with the next receipt.
      this.#recalled = undefined;
    }
  }

  #keep(open: readonly OpenAnswer[]): void {
    this.#open = open.slice(-webchatLimits.receipts);
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

function openOf({ index, turn }: StoredMessage): readonly OpenAnswer[] {
  return turn === undefined ? [] : [{ index, turn, isDelivered: false }];
}
