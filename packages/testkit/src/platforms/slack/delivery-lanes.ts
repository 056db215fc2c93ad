import { setTimeout as pause } from "node:timers/promises";
import type { Payload } from "./events.ts";
import type { Faults } from "./faults.ts";

/** One try to bring a payload to the account; the reason when it was not acknowledged. */
export type Deliver = (payload: Payload, retry: Retry | undefined) => Promise<string | undefined>;

export interface Retry {
  readonly number: number;
  readonly reason: string;
}

interface Group {
  readonly payloads: readonly Payload[];
  readonly isAwaited: boolean;
}

const firstPauseMs = 20;
const longestPauseMs = 1_500;
const reorderedMs = 300;
/** Slack itself gives up after these; here nothing is given up, so that no test loses a message to luck. */
const retriesOfSlack = 3;

/**
 * Each chat's events in order, one after the other; chats side by side. What is not acknowledged comes
 * again, with growing pauses.
 */
export class DeliveryLanes {
  readonly #lanes = new Map<string, Group[]>();
  readonly #deliver: Deliver;
  readonly #faults: Faults;
  readonly #signal: AbortSignal;
  #awaited = 0;
  #whenSettled: (() => void)[] = [];
  #whenOtherChat: (() => void)[] = [];

  constructor(deliver: Deliver, faults: Faults, signal: AbortSignal) {
    this.#deliver = deliver;
    this.#faults = faults;
    this.#signal = signal;
  }

  /** Payloads of one group go out at the same time. `isAwaited`: `settled` waits for them. */
  add(chat: string, payloads: readonly Payload[], isAwaited: boolean): void {
    if (isAwaited) this.#awaited += 1;
    const group = { payloads, isAwaited };
    const lane = this.#lanes.get(chat);
    if (lane !== undefined) {
      lane.push(group);
      return;
    }
    this.#lanes.set(chat, [group]);
    void this.#run(chat).catch(() => {});
  }

  settled(): Promise<void> {
    if (this.#awaited === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  async #run(chat: string): Promise<void> {
    const lane = this.#lanes.get(chat) ?? [];
    for (let group = lane[0]; group !== undefined; group = lane[0]) {
      if (this.#faults.hits("reordered")) await this.#waitForOtherChat();
      const copies = group.payloads.flatMap((payload) =>
        this.#faults.hits("duplicate") ? [payload, payload] : [payload],
      );
      await Promise.all(copies.map((payload) => this.#deliverPatiently(payload)));
      lane.shift();
      for (const resolve of this.#whenOtherChat) resolve();
      this.#whenOtherChat = [];
      if (group.isAwaited) this.#settle();
      if (this.#signal.aborted) break;
    }
    this.#lanes.delete(chat);
  }

  async #deliverPatiently(payload: Payload): Promise<void> {
    let retry: Retry | undefined;
    let pauseMs = firstPauseMs;
    while (!this.#signal.aborted) {
      const reason = await this.#deliver(payload, retry);
      if (reason === undefined) return;
      retry = { number: (retry?.number ?? 0) + 1, reason };
      this.#faults.count(retry.number > retriesOfSlack ? "retriesBeyondSlack" : "retries");
      await pause(pauseMs, undefined, { signal: this.#signal });
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  async #waitForOtherChat(): Promise<void> {
    const other = new Promise<void>((resolve) => this.#whenOtherChat.push(resolve));
    await Promise.race([other, pause(reorderedMs, undefined, { signal: this.#signal })]);
  }

  #settle(): void {
    this.#awaited -= 1;
    if (this.#awaited > 0) return;
    for (const resolve of this.#whenSettled) resolve();
    this.#whenSettled = [];
  }
}
