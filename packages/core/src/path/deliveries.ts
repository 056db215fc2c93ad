import { HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Receipt } from "../deliveries.ts";
import { delay } from "../ports/clock.ts";
import type { Piece, SendOutcome } from "../ports/channel.ts";
import type { ActiveConversation } from "./active-conversation.ts";
import {
  applyEntry,
  type ConversationEntry,
  type ConversationState,
} from "./conversation-state.ts";
import type { Journal } from "./journal.ts";
import type { Maintenance } from "./maintenance.ts";
import { isFull, newOutbox, type Outgoing, pieceKey, stateOfPieces, viewOutbox } from "./outbox.ts";
import { laneOf, type OutgoingAccount, type OutgoingChannels } from "./outgoing-channels.ts";
import type { OwnerServices } from "./owner-services.ts";
import { KeyedSlots } from "./slots.ts";

interface DeliveriesView {
  /** Turns may be held back by a full outbox. */
  readonly pump: (conversation: ActiveConversation) => void;
  /** Aborts when the partition is closed. */
  readonly signal: AbortSignal;
}

/** A piece of a message, and what it goes through. */
interface PiecePlace {
  readonly message: Outgoing;
  /** Undefined when there is none any more. */
  readonly account: OutgoingAccount | undefined;
  readonly number: number;
}

interface SendPlace extends PiecePlace {
  readonly account: OutgoingAccount;
}

/** A message on its way, and what is needed to get it there. */
interface Lane {
  readonly conversation: ActiveConversation;
  readonly state: ConversationState;
  readonly name: string;
  /** Tries of the present piece, and how long to wait before the next one. */
  tries: number;
  pauseMs: number;
  /** The message that was rendered last: a long one is not rendered anew for each of its pieces. */
  rendered: { readonly id: string; readonly pieces: readonly Piece[] } | undefined;
}

/**
 * Stage 7 of the message path for channels: sends what waits in the outboxes. One message after another to
 * each chat; each piece is journaled before it is sent and with its outcome, so that whoever owns the
 * partition next knows what may have been sent, and no piece is sent by two owners.
 */
export class Deliveries {
  readonly #services: OwnerServices;
  readonly #channels: OutgoingChannels;
  readonly #journal: Journal;
  readonly #maintenance: Maintenance;
  readonly #partition: DeliveriesView;
  /** Sends whose outcome is not journaled. */
  #inFlight = 0;
  /** Aborts when nothing new is begun any more. */
  readonly #closing = new AbortController();
  /** Ends what only waits; sends go on. */
  readonly #waits: AbortSignal;
  readonly #idle = new Set<() => void>();
  /** By account: one whose platform answers slowly keeps no other waiting. */
  readonly #sends = new KeyedSlots(limits.accountSendsInFlight);

  constructor(
    services: OwnerServices,
    channels: OutgoingChannels,
    journal: Journal,
    maintenance: Maintenance,
    partition: DeliveriesView,
  ) {
    this.#services = services;
    this.#channels = channels;
    this.#journal = journal;
    this.#maintenance = maintenance;
    this.#partition = partition;
    this.#waits = AbortSignal.any([partition.signal, this.#closing.signal]);
  }

  /** Begins to send what waits in the conversation's outbox and is not being sent. */
  pump(conversation: ActiveConversation): void {
    const { state, lanes } = conversation;
    if (!state?.outbox || this.#isOver) return;
    const seen = new Set(lanes);
    for (const { to, isHeld } of state.outbox.waiting) {
      const name = laneOf(to);
      if (seen.has(name)) continue;
      seen.add(name);
      // Nothing overtakes what waits for a person.
      if (isHeld) continue;
      lanes.add(name);
      void this.#run({ conversation, state, name, tries: 0, pauseMs: 0, rendered: undefined });
    }
  }

  /** How many sends have no outcome yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Begins nothing new; resolves when no send is in flight, or after `patienceMs`. */
  async finish(patienceMs: number): Promise<void> {
    this.#closing.abort();
    if (this.#inFlight === 0) return;
    const over = new AbortController();
    const idle = new Promise<void>((resolve) => this.#idle.add(resolve));
    await Promise.race([idle, delay(this.#services.clock, patienceMs, over.signal)]);
    over.abort();
  }

  get #isOver(): boolean {
    return this.#waits.aborted;
  }

  async #run(lane: Lane): Promise<void> {
    const { conversation, name } = lane;
    for (let next = this.#next(lane); next && !this.#isOver; next = this.#next(lane)) {
      try {
        await this.#step(lane, next);
      } catch (thrown) {
        if (this.#isOver) break;
        this.#services.report(toHoldfastError(thrown), `delivery in ${conversation.key}`);
        lane.tries += 1;
        lane.pauseMs = this.#backoffMs(lane);
      }
      const { pauseMs } = lane;
      lane.pauseMs = 0;
      if (pauseMs > 0) await delay(this.#services.clock, pauseMs, this.#waits);
    }
    conversation.lanes.delete(name);
    if (this.#isOver) return;
    if (this.#next(lane)) this.pump(conversation);
    this.#pumpTurns(lane);
  }

  /** Turns that a full outbox held back. */
  #pumpTurns({ conversation, state }: Lane): void {
    if (state.outbox && !isFull(state.outbox)) this.#partition.pump(conversation);
  }

  /** The first message of the lane, unless it waits for a person. */
  #next({ state, name }: Lane): Outgoing | undefined {
    const first = state.outbox?.waiting.find(({ to }) => laneOf(to) === name);
    return first?.isHeld ? undefined : first;
  }

  /** Brings the message one piece further, or waits for what keeps it. */
  async #step(lane: Lane, message: Outgoing): Promise<void> {
    const { organization } = lane.conversation.ref;
    const account = this.#channels.account(organization, message.to.account);
    if (!account?.isAuthorized) return this.#untilChanged(lane, message, account);
    let pieces: readonly Piece[];
    try {
      pieces =
        lane.rendered?.id === message.id
          ? lane.rendered.pieces
          : account.render(await this.#textOf(message));
      lane.rendered = { id: message.id, pieces };
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (error.code !== "internal") throw error;
      this.#services.report(error, `rendering for ${message.to.account}`);
      const reason = "It cannot be rendered.";
      const number = message.pieces.length;
      return this.#ended(lane, { message, account, number }, { outcome: "failed", reason });
    }
    const last = message.pieces.at(-1);
    const begun = last?.state === "started" ? last : undefined;
    const number = begun ? message.pieces.length - 1 : message.pieces.length;
    const place = { message, account, number };
    const piece = pieces[number];
    if (begun?.early) return this.#ended(lane, place, outcomeOf(begun.early));
    if (begun && (!account.idempotentSends || !piece)) {
      const reason = "The node stopped while it was sent.";
      return this.#ended(lane, place, { outcome: "unknown", reason });
    }
    if (!piece) {
      const reason = "Another version of Holdfast began it with more pieces.";
      return this.#ended(lane, place, { outcome: "failed", reason });
    }
    await this.#send(lane, { ...place, account }, piece, pieces.length);
  }

  async #send(lane: Lane, place: SendPlace, piece: Piece, of: number): Promise<void> {
    const { clock } = this.#services;
    if (!(await this.#permit(lane, place, this.#waits))) return;
    const permittedAt = clock.monotonic();
    const { organization } = lane.conversation.ref;
    await this.#sends.run(`${organization}/${place.message.to.account}`, async () => {
      // The rate counted it for then, and the platform may have asked for a pause since.
      const isStale = clock.monotonic() - permittedAt > limits.rateMarginMs;
      if (isStale && !(await this.#permitSoon(lane, place))) return;
      await this.#sendPermitted(lane, place, piece, of);
    });
  }

  #permit(lane: Lane, { message, account }: SendPlace, signal: AbortSignal): Promise<boolean> {
    return account.permit(message.to.chat, sentAgo(lane, this.#services.clock.now()), signal);
  }

  /** False when it would take longer: another chat may use the place meanwhile. */
  async #permitSoon(lane: Lane, place: SendPlace): Promise<boolean> {
    const late = new AbortController();
    const cancel = this.#services.clock.schedule(limits.permitAheadMs, () => late.abort());
    try {
      return await this.#permit(lane, place, AbortSignal.any([this.#waits, late.signal]));
    } finally {
      cancel();
    }
  }

  async #sendPermitted(lane: Lane, place: SendPlace, piece: Piece, of: number): Promise<void> {
    const { clock, stillAlive, reach } = this.#services;
    const { message, number } = place;
    const { to, id } = message;
    // A process that was stopped for a while must not send what others have sent meanwhile.
    const paused = stillAlive?.();
    if (paused) await paused;
    // An operator may have discarded it, and the account may have been changed or refused.
    const account = this.#channels.account(lane.conversation.ref.organization, to.account);
    if (this.#isOver || this.#next(lane)?.id !== id || !account?.isAuthorized) return;
    this.#inFlight += 1;
    try {
      const c = lane.conversation.key;
      reach("beforeSend");
      await this.#write(lane, { t: "send", c, id, piece: number, of, at: clock.now() });
      reach("afterSendJournaled");
      // Others may have flagged it, and sent what comes behind it, while this process stood still.
      const stopped = stillAlive?.();
      if (stopped) await stopped;
      if (this.#partition.signal.aborted) return;
      const { unsureSince: firstTriedAt } = message;
      const outcome = await account.send(
        {
          piece,
          chat: to.chat,
          key: pieceKey(id, number),
          ...(firstTriedAt !== undefined && { firstTriedAt }),
          ...(number === 0 && to.messageId !== undefined && { replyTo: to.messageId }),
        },
        this.#partition.signal,
      );
      reach("afterSend");
      await this.#ended(lane, { ...place, account }, bounded(outcome));
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) for (const resolve of this.#idle) resolve();
    }
  }

  /** Writes down what became of a piece. */
  async #ended(lane: Lane, place: PiecePlace, outcome: SendOutcome): Promise<void> {
    const { clock, egress } = this.#services;
    const { message, account, number } = place;
    const { id, to } = message;
    const common = {
      t: "sent" as const,
      c: lane.conversation.key,
      id,
      piece: number,
      at: clock.now(),
    };
    const isRetry = outcome.outcome === "retry" || outcome.outcome === "unauthorized";
    const isTooOld = clock.now() - message.at > limits.deliveryMaxMs;
    if (isRetry && !isTooOld && account) {
      const isUnsure = outcome.outcome === "retry" && outcome.mayHaveBeenSent === true;
      const again = { ...common, outcome: "again" as const, done: [] };
      await this.#write(lane, { ...again, ...(isUnsure && { isUnsure }) });
      return this.#beforeNextTry(lane, message, account, outcome);
    }
    lane.tries = 0;
    const isWhole = number + 1 >= message.of;
    if (outcome.outcome === "sent") {
      const { platformId } = outcome;
      const done = isWhole ? [id] : [];
      await this.#write(lane, { ...common, outcome: "sent", platformId, done });
    } else if (outcome.outcome === "unknown") {
      const { reason } = outcome;
      const done = isWhole ? [id] : [];
      await this.#write(lane, { ...common, outcome: "unknown", reason, done });
      this.#reportFailure(lane, message, "unknown", reason);
    } else {
      const { reason } = outcome;
      const isHeld = account?.onFailure === "wait";
      // Nothing may overtake what failed: all that waits behind it goes the same way.
      const given = isHeld ? [] : this.#waitingOf(lane);
      const done = given.map((each) => each.id);
      await this.#write(lane, {
        ...common,
        outcome: "failed",
        reason,
        done,
        ...(isHeld && { isHeld }),
      });
      for (const each of isHeld ? [message] : given) {
        this.#reportFailure(lane, each, "failed", reason);
      }
    }
    const reason = "reason" in outcome ? outcome.reason : undefined;
    egress.emit(lane.conversation.key, [], {
      type: "delivery",
      id,
      account: to.account,
      state: stateOfPieces(message.pieces, message.of),
      ...(reason !== undefined && { reason }),
    });
    this.#pumpTurns(lane);
  }

  #waitingOf({ state, name }: Lane): readonly Outgoing[] {
    return state.outbox?.waiting.filter(({ to }) => laneOf(to) === name) ?? [];
  }

  /** Tells of messages that the platform said later did not get there. */
  tellLateFailures(conversation: ActiveConversation, before: ReadonlySet<string>): void {
    const { state } = conversation;
    if (!state?.outbox) return;
    for (const view of viewOutbox(state.outbox)) {
      if (view.state !== "failed" || before.has(view.id)) continue;
      const reason = view.pieces.find((piece) => piece.state === "failed")?.reason ?? "";
      const { id, account, chat, at } = view;
      const { organization, agent, conversation: name } = conversation.ref;
      const failure = { id, account, chat, at, state: "failed" as const, reason };
      this.#channels.report({ organization, agent, conversation: name, ...failure });
      const event = { type: "delivery" as const, id, account, state: "failed" as const, reason };
      this.#services.egress.emit(conversation.key, [], event);
    }
  }

  #beforeNextTry(
    lane: Lane,
    { to }: Outgoing,
    account: OutgoingAccount,
    outcome: Extract<SendOutcome, { outcome: "retry" | "unauthorized" }>,
  ): void {
    if (outcome.outcome === "unauthorized") {
      account.refused(outcome.reason);
      return;
    }
    lane.tries += 1;
    const { afterMs, scope } = outcome;
    if (afterMs !== undefined && scope) {
      account.pause(scope === "chat" ? to.chat : undefined, afterMs);
    }
    lane.pauseMs = Math.max(afterMs ?? 0, this.#backoffMs(lane));
  }

  /** Doubles with each try, with a tenth of jitter. */
  #backoffMs({ tries }: Lane): number {
    const bound = limits.deliveryRetryMinMs * 2 ** Math.min(tries - 1, 16);
    const backoff = Math.min(limits.deliveryRetryMaxMs, bound);
    return backoff * (0.9 + this.#services.random.next() / 5);
  }

  /** No such account, or its credentials are refused: the messages wait, and nothing spins. */
  async #untilChanged(
    lane: Lane,
    message: Outgoing,
    account: OutgoingAccount | undefined,
  ): Promise<void> {
    const { clock } = this.#services;
    if (clock.now() - message.at > limits.deliveryMaxMs) {
      const reason = "The account could not be used for too long.";
      const number = message.pieces.length;
      return this.#ended(lane, { message, account, number }, { outcome: "failed", reason });
    }
    const over = new AbortController();
    const end = () => over.abort();
    this.#waits.addEventListener("abort", end, { once: true });
    const { organization } = lane.conversation.ref;
    await Promise.race([
      this.#channels.changed(organization, message.to.account, over.signal),
      delay(clock, limits.accountLookMs, over.signal),
    ]);
    this.#waits.removeEventListener("abort", end);
    over.abort();
  }

  #reportFailure(
    { conversation }: Lane,
    { id, to, at }: Outgoing,
    state: "failed" | "unknown",
    reason: string,
  ): void {
    const { organization, agent, conversation: name } = conversation.ref;
    this.#channels.report({
      organization,
      agent,
      conversation: name,
      id,
      account: to.account,
      chat: to.chat.id,
      state,
      reason,
      at,
    });
  }

  async #textOf({ text, blob }: Outgoing): Promise<string> {
    if (blob === undefined) return text;
    const bytes = await this.#services.blobs.get(blob);
    if (!bytes) throw new HoldfastError("data_corrupt", `Blob ${blob} is missing.`);
    return new TextDecoder().decode(bytes);
  }

  async #write({ conversation, state }: Lane, entry: ConversationEntry): Promise<void> {
    const sequence = await this.#journal.append(entry);
    applyEntry(state, entry, sequence);
    this.#maintenance.changed(conversation, sequence);
  }
}

/** How long ago the conversation sent its newest pieces to this chat. */
function sentAgo({ state, name }: Lane, now: number): readonly number[] {
  const { waiting, done } = state.outbox ?? newOutbox();
  const own = [
    ...done.filter(({ account, chat }) => `${account}\n${chat}` === name),
    ...waiting.filter(({ to }) => laneOf(to) === name),
  ];
  return own
    .flatMap(({ pieces }) => pieces)
    .filter(({ state: piece }) => piece !== "started")
    .map(({ at }) => Math.max(0, now - at))
    .slice(-limits.deliveriesKept);
}

/** What a receipt that came first says of the send. */
function outcomeOf({ state, messageId: platformId, reason = "" }: Receipt): SendOutcome {
  return state === "failed" ? { outcome: "failed", reason } : { outcome: "sent", platformId };
}

/** Platforms write as much as they like. */
function bounded(outcome: SendOutcome): SendOutcome {
  const most = limits.deliveryReasonChars;
  if (outcome.outcome !== "sent") return { ...outcome, reason: outcome.reason.slice(0, most) };
  return { ...outcome, platformId: outcome.platformId.slice(0, most) };
}
