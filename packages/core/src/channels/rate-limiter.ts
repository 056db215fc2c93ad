import { limits } from "../limits.ts";
import type { ChannelRates, Rate } from "../ports/channel.ts";

/** What asks to send: a chat, and when its conversation last sent there. */
export interface PermitRequest {
  readonly chat: string;
  readonly isGroup: boolean;
  /** Milliseconds. */
  readonly sentAgoMs: readonly number[];
}

export type PermitAnswer =
  /** The send is counted, and may begin after this time. */
  | { readonly grantedAfterMs: number }
  /** Nothing is counted: ask again after this time. */
  | { readonly askAfterMs: number };

/**
 * When an account's sends may leave, so that no window of the platform ever holds too many. One limiter, at
 * the account's owner, for the whole cluster. Times are monotonic milliseconds.
 *
 * A window is taken a little longer than the platform's (`rateMargin`), because what leaves with a distance
 * may arrive with a shorter one.
 */
export class RateLimiter {
  readonly #rates: ChannelRates;
  readonly #account: number[] = [];
  /** Of chats in the order of their last use. */
  readonly #chats = new Map<string, number[]>();
  readonly #pausedUntil = new Map<string, number>();
  #accountPausedUntil: number;

  /**
   * What the last owner let through, also ahead of time, is not known: nothing leaves for the account's window.
   * Of windows that are too long to be waited for, half counts as used.
   */
  constructor(rates: ChannelRates, now: number) {
    this.#rates = rates;
    const [long, short] = [true, false].map((isLong) =>
      rates.account.filter((rate) => windowMs(rate) > limits.rateTakeoverMaxMs === isLong),
    );
    const longest = Math.max(0, ...(short ?? []).map(windowMs));
    this.#accountPausedUntil = longest === 0 ? now : now + longest + limits.permitAheadMs;
    const used = Math.max(0, ...(long ?? []).map(({ count }) => Math.ceil(count / 2)));
    for (let sent = 0; sent < used; sent += 1) this.#account.push(now);
  }

  request({ chat, isGroup, sentAgoMs }: PermitRequest, now: number): PermitAnswer {
    const rates = isGroup ? this.#rates.group : this.#rates.direct;
    const sent = this.#chats.get(chat) ?? [];
    merge(
      sent,
      sentAgoMs.map((ago) => now - ago),
    );
    this.#remember(chat, sent, now);
    const at = Math.max(
      now,
      this.#accountPausedUntil,
      this.#pausedUntil.get(chat) ?? 0,
      ...rates.map((rate) => earliest(sent, rate)),
      ...this.#rates.account.map((rate) => earliest(this.#account, rate)),
    );
    const afterMs = Math.ceil(at - now);
    if (afterMs > limits.permitAheadMs) {
      return { askAfterMs: Math.min(afterMs - limits.permitAheadMs / 2, limits.permitAskAgainMs) };
    }
    insert(sent, at);
    insert(this.#account, at);
    trim(sent, rates);
    trim(this.#account, this.#rates.account);
    return { grantedAfterMs: afterMs };
  }

  /** The platform said so itself; without a chat for the whole account. */
  pause(chat: string | undefined, ms: number, now: number): void {
    if (chat === undefined) {
      this.#accountPausedUntil = Math.max(this.#accountPausedUntil, now + ms);
      return;
    }
    this.#pausedUntil.delete(chat);
    this.#pausedUntil.set(chat, now + ms);
    for (const [each, until] of this.#pausedUntil) {
      if (until > now && this.#pausedUntil.size <= limits.rateChats) break;
      this.#pausedUntil.delete(each);
    }
  }

  #remember(chat: string, sent: number[], now: number): void {
    this.#chats.delete(chat);
    this.#chats.set(chat, sent);
    const all = [...this.#rates.direct, ...this.#rates.group];
    const longest = Math.max(0, ...all.map(windowMs));
    for (const [each, times] of this.#chats) {
      // The newest: what it is granted now must be known the next time.
      if (each === chat) break;
      const isOver = (times.at(-1) ?? 0) < now - longest;
      if (!isOver && this.#chats.size <= limits.rateChats) break;
      this.#chats.delete(each);
    }
  }
}

function windowMs({ perMs }: Rate): number {
  return perMs * limits.rateMargin + limits.rateMarginMs;
}

/** When one more fits: `count` back, its window must be over. */
function earliest(sent: readonly number[], rate: Rate): number {
  const before = sent.at(-rate.count);
  return before === undefined ? 0 : before + windowMs(rate);
}

/**
 * Takes in what a conversation tells of its sends, oldest first. What was granted here is known already, a
 * moment earlier: it moves to when it was done, so that the next keeps its distance from then.
 */
function merge(sent: number[], told: readonly number[]): void {
  let place = sent.length - 1;
  for (const at of told.toReversed()) {
    while (place >= 0 && (sent[place] ?? 0) > at + limits.rateToldSlackMs) place -= 1;
    const granted = place < 0 ? undefined : sent[place];
    if (granted === undefined) insert(sent, at);
    else {
      sent[place] = Math.max(granted, at);
      place -= 1;
    }
  }
}

function insert(sent: number[], at: number): void {
  let place = sent.length;
  while (place > 0 && (sent[place - 1] ?? 0) > at) place -= 1;
  sent.splice(place, 0, at);
}

function trim(sent: number[], rates: readonly Rate[]): void {
  const most = Math.max(1, ...rates.map(({ count }) => count));
  if (sent.length > most) sent.splice(0, sent.length - most);
}
