import { HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
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
import { type Outgoing, type Outbox, pieceKey, stateOfPieces } from "./outbox.ts";
import { laneOf, type OutgoingAccount, type OutgoingChannels } from "./outgoing-channels.ts";
import type { OwnerServices } from "./owner-services.ts";

interface DeliveriesView {
  /** Turns may be held back by a full outbox. */
  readonly pump: (conversation: ActiveConversation) => void;
  /** Aborts when the partition is closed. */
  readonly signal: AbortSignal;
}

interface PiecePlace {
  readonly number: number;
  readonly of: number;
  readonly firstTriedAt: number | undefined;
}

/** A message on its way, and what is needed to get it there. */
interface Lane {
  readonly conversation: ActiveConversation;
  readonly state: ConversationState;
  readonly name: string;
  /** Tries of the present piece. */
  tries: number;
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
  #isClosing = false;
  readonly #idle = new Set<() => void>();

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
  }

  /** Begins to send what waits in the conversation's outbox and is not being sent. */
  pump(conversation: ActiveConversation): void {
    const { state, lanes } = conversation;
    if (!state?.outbox || this.#isOver) return;
    for (const { to } of state.outbox.waiting) {
      const name = laneOf(to);
      if (lanes.has(name)) continue;
      lanes.add(name);
      void this.#run({ conversation, state, name, tries: 0, rendered: undefined });
    }
  }

  /** Begins nothing new; resolves when no send is in flight, or after `patienceMs`. */
  async finish(patienceMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#inFlight === 0) return;
    const over = new AbortController();
    const idle = new Promise<void>((resolve) => this.#idle.add(resolve));
    await Promise.race([idle, delay(this.#services.clock, patienceMs, over.signal)]);
    over.abort();
  }

  get #isOver(): boolean {
    return this.#isClosing || this.#partition.signal.aborted;
  }

  async #run(lane: Lane): Promise<void> {
    const { conversation, state, name } = lane;
    try {
      for (let next = this.#next(lane); next && !this.#isOver; next = this.#next(lane)) {
        await this.#step(lane, next);
      }
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (!this.#isOver) {
        this.#services.report(error, `delivery in ${conversation.key}`);
        await this.#pause(lane, limits.deliveryRetryMinMs);
      }
    } finally {
      conversation.lanes.delete(name);
    }
    if (this.#isOver) return;
    if (this.#next(lane)) this.pump(conversation);
    if (state.outbox?.waiting.length === 0) this.#partition.pump(conversation);
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
      return this.#ended(lane, message, account, {
        outcome: "failed",
        reason: "It cannot be rendered.",
      });
    }
    const last = message.pieces.at(-1);
    const number = last?.state === "started" ? message.pieces.length - 1 : message.pieces.length;
    const piece = pieces[number];
    if (last?.state === "started" && (!account.idempotentSends || !piece)) {
      const reason = "The node stopped while it was sent.";
      return this.#ended(lane, message, account, { outcome: "unknown", reason });
    }
    if (!piece) {
      const reason = "Another version of Holdfast began it with more pieces.";
      return this.#ended(lane, message, account, { outcome: "failed", reason });
    }
    const firstTriedAt = last?.state === "started" ? last.at : undefined;
    await this.#send(lane, message, account, piece, { number, of: pieces.length, firstTriedAt });
  }

  async #send(
    lane: Lane,
    message: Outgoing,
    account: OutgoingAccount,
    piece: Piece,
    { number, of, firstTriedAt }: PiecePlace,
  ): Promise<void> {
    const { clock, stillAlive } = this.#services;
    const { signal } = this.#partition;
    const { to, id } = message;
    if (!(await account.permit(to.chat, sentAgo(lane, clock.now()), signal))) return;
    // A process that was stopped for a while must not send what others have sent meanwhile.
    const paused = stillAlive?.();
    if (paused) await paused;
    if (this.#isOver) return;
    this.#inFlight += 1;
    try {
      const c = lane.conversation.key;
      await this.#write(lane, { t: "send", c, id, piece: number, of, at: clock.now() });
      // Others may have flagged it, and sent what comes behind it, while this process stood still.
      const stopped = stillAlive?.();
      if (stopped) await stopped;
      if (this.#partition.signal.aborted) return;
      const outcome = await account.send(
        {
          piece,
          chat: to.chat,
          key: pieceKey(id, number),
          ...(firstTriedAt !== undefined && { firstTriedAt }),
          ...(number === 0 && to.messageId !== undefined && { replyTo: to.messageId }),
        },
        signal,
      );
      await this.#ended(lane, message, account, outcome);
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) for (const resolve of this.#idle) resolve();
    }
  }

  /** Writes down what became of the piece that was begun last. */
  async #ended(
    lane: Lane,
    message: Outgoing,
    /** Undefined when there is none any more. */
    account: OutgoingAccount | undefined,
    outcome: SendOutcome,
  ): Promise<void> {
    const { clock } = this.#services;
    const { to, id } = message;
    const isBegun = message.pieces.at(-1)?.state === "started";
    const entry = {
      t: "sent" as const,
      c: lane.conversation.key,
      id,
      piece: isBegun ? message.pieces.length - 1 : message.pieces.length,
      at: clock.now(),
    };
    const waiting = lane.state.outbox?.waiting ?? [];
    const isRetry = outcome.outcome === "retry" || outcome.outcome === "unauthorized";
    const isTooOld = clock.now() - message.at > limits.deliveryMaxMs;
    if (isRetry && !isTooOld && account) {
      await this.#write(lane, { ...entry, outcome: "again", left: waiting.length });
      return this.#beforeNextTry(lane, message, account, outcome);
    }
    lane.tries = 0;
    if (outcome.outcome === "sent") {
      const { platformId } = outcome;
      const left = message.pieces.length >= message.of ? waiting.length - 1 : waiting.length;
      await this.#write(lane, { ...entry, outcome: "sent", platformId, left });
    } else if (outcome.outcome === "unknown") {
      const { reason } = outcome;
      const left = message.pieces.length >= message.of ? waiting.length - 1 : waiting.length;
      await this.#write(lane, { ...entry, outcome: "unknown", reason, left });
      this.#reportFailure(lane, message, "unknown", reason);
    } else {
      const { reason } = outcome;
      const isHeld = account?.onFailure === "wait";
      const given = isHeld ? [] : waiting.filter((each) => laneOf(each.to) === lane.name);
      const left = waiting.length - given.length;
      const then = isHeld ? "hold" : "fail-rest";
      await this.#write(lane, { ...entry, outcome: "failed", reason, then, left });
      for (const each of isHeld ? [message] : given) {
        this.#reportFailure(lane, each, "failed", reason);
      }
    }
    const { pieces, of } = message;
    const reason = "reason" in outcome ? outcome.reason : undefined;
    this.#services.egress.emit(lane.conversation.key, [], {
      type: "delivery",
      id,
      account: to.account,
      state: stateOfPieces(pieces, of),
      ...(reason !== undefined && { reason }),
    });
    if (waiting.length === limits.outboxWaiting - 1) this.#partition.pump(lane.conversation);
  }

  async #beforeNextTry(
    lane: Lane,
    { to }: Outgoing,
    account: OutgoingAccount,
    outcome: Extract<SendOutcome, { outcome: "retry" | "unauthorized" }>,
  ): Promise<void> {
    if (outcome.outcome === "unauthorized") {
      account.refused(outcome.reason);
      return;
    }
    lane.tries += 1;
    const { afterMs, scope } = outcome;
    if (afterMs !== undefined && scope) {
      account.pause(scope === "chat" ? to.chat : undefined, afterMs);
    }
    const bound = limits.deliveryRetryMinMs * 2 ** Math.min(lane.tries - 1, 16);
    const backoff = Math.min(limits.deliveryRetryMaxMs, bound);
    const jittered = backoff * (0.9 + this.#services.random.next() / 5);
    await this.#pause(lane, Math.max(afterMs ?? 0, jittered));
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
      return this.#ended(lane, message, account, { outcome: "failed", reason });
    }
    const over = new AbortController();
    const end = () => over.abort();
    this.#partition.signal.addEventListener("abort", end, { once: true });
    const { organization } = lane.conversation.ref;
    await Promise.race([
      this.#channels.changed(organization, message.to.account, over.signal),
      delay(clock, limits.accountLookMs, over.signal),
    ]);
    this.#partition.signal.removeEventListener("abort", end);
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

  #pause(_lane: Lane, ms: number): Promise<void> {
    return delay(this.#services.clock, ms, this.#partition.signal);
  }
}

/** How long ago the conversation sent its newest pieces to this chat. */
function sentAgo({ state, name }: Lane, now: number): readonly number[] {
  const { waiting, done }: Outbox = state.outbox ?? { waiting: [], done: [] };
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
