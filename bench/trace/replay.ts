import { modelText } from "../lib/model-process.ts";
import type { Arrival } from "./trace-file.ts";

/** One request as the client saw it; times of `performance.now()`. */
export interface Exchange {
  readonly id: string;
  readonly conversation: number;
  readonly sentAt: number;
  readonly answeredAt: number;
  /** How much later than the trace says it was sent. */
  readonly lateMs: number;
  /** When the message before it in the same conversation had been answered; 0 when there was none. */
  readonly freeAt: number;
  readonly problem: string | undefined;
  /** Answered, or refused with an error that says that the message is durable and will be tried again. */
  readonly isDurable: boolean;
}

export interface ReplayPlan {
  readonly arrivals: readonly Arrival[];
  readonly speed: number;
  readonly conversations: number;
}

export interface Outcome {
  /** What was wrong with the answer, if anything. */
  readonly problem: string | undefined;
  readonly isDurable: boolean;
}

/** Sends a text to a conversation. */
type Send = (conversation: number, id: string, text: string) => Promise<Outcome>;

const charsPerToken = 4;

/** An open loop: requests leave at the trace's times over the speed, whatever the answers do. */
export class Replay {
  readonly #plan: ReplayPlan;
  readonly #send: Send;
  readonly #answeredAt = new Map<number, number>();
  readonly #exchanges: Exchange[] = [];
  #open = 0;

  constructor(plan: ReplayPlan, send: Send) {
    this.#plan = plan;
    this.#send = send;
  }

  /** Requests sent and not answered. */
  get open(): number {
    return this.#open;
  }

  /** Requests take the conversations in turn, so that the gap within one is as long as it can be. */
  conversationOf(position: number): number {
    return position % this.#plan.conversations;
  }

  idOf(position: number): string {
    return `${this.conversationOf(position)}.${Math.floor(position / this.#plan.conversations)}`;
  }

  async run(): Promise<readonly Exchange[]> {
    const { arrivals, speed } = this.#plan;
    const startedAt = performance.now();
    const running: Promise<void>[] = [];
    for (const [position, arrival] of arrivals.entries()) {
      const due = startedAt + arrival.atMs / speed;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      running.push(this.#exchange(position, arrival, due));
    }
    await Promise.all(running);
    return this.#exchanges;
  }

  async #exchange(position: number, arrival: Arrival, due: number): Promise<void> {
    const conversation = this.conversationOf(position);
    const id = this.idOf(position);
    const text = modelText(id, arrival.generatedTokens, arrival.contextTokens * charsPerToken);
    const sentAt = performance.now();
    this.#open += 1;
    let outcome: Outcome;
    try {
      outcome = await this.#send(conversation, id, text);
    } catch (thrown) {
      outcome = { problem: String(thrown), isDurable: false };
    }
    this.#open -= 1;
    const answeredAt = performance.now();
    const freeAt = this.#answeredAt.get(conversation) ?? 0;
    this.#answeredAt.set(conversation, answeredAt);
    this.#exchanges.push({
      id,
      conversation,
      sentAt,
      answeredAt,
      lateMs: sentAt - due,
      freeAt,
      ...outcome,
    });
  }
}
