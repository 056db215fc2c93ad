import type { Clock } from "@holdfast/core";
import { emailLimits } from "./limits.ts";

/**
 * Counts the answers to each sender in each thread. Two machines that answer each other in spite of all
 * headers are slowed down to the limit; nothing is lost.
 */
export class AnswerLimit {
  readonly #clock: Clock;
  readonly #perHour: number;
  readonly #sent = new Map<string, number[]>();

  constructor(clock: Clock, perHour: number) {
    this.#clock = clock;
    this.#perHour = perHour;
  }

  /** How long the next answer has to wait; zero when it may go. */
  waitMs(chat: string): number {
    const times = this.#recent(chat);
    const first = times.at(-this.#perHour);
    if (first === undefined) return 0;
    return Math.max(1, first + emailLimits.answersWindowMs - this.#clock.monotonic());
  }

  count(chat: string): void {
    const times = this.#recent(chat);
    this.#sent.delete(chat);
    this.#sent.set(chat, [...times, this.#clock.monotonic()].slice(-this.#perHour));
    if (this.#sent.size <= emailLimits.countedThreads) return;
    for (const [quietest] of this.#sent) {
      this.#sent.delete(quietest);
      return;
    }
  }

  #recent(chat: string): readonly number[] {
    const since = this.#clock.monotonic() - emailLimits.answersWindowMs;
    return (this.#sent.get(chat) ?? []).filter((time) => time > since);
  }
}
