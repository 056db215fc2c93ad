import { HoldfastError, toHoldfastError } from "../errors.ts";
import {
  type ConversationRef,
  conversationKey,
  type MessageId,
  parseConversationKey,
} from "../ids.ts";
import type { InboundMessage } from "../messages.ts";
import { delay } from "../ports/clock.ts";
import { limits } from "../limits.ts";
import type { Follower, LogRecord } from "../ports/message-log.ts";
import {
  type ActiveConversation,
  activeConversation,
  isIdle,
  journalKey,
  refOf,
} from "./active-conversation.ts";
import {
  applyEntry,
  type ConversationEntry,
  type ConversationState,
  newConversation,
} from "./conversation-state.ts";
import type { StepKey } from "./handed-steps.ts";
import type { MessageLook } from "./looks.ts";
import { Deliveries } from "./deliveries.ts";
import { isFull } from "./outbox.ts";
import { EndedCalls } from "./ended-calls.ts";
import { type Inbox, readInboxRecord } from "./inbox.ts";
import { Journal } from "./journal.ts";
import { Maintenance } from "./maintenance.ts";
import type { Waiting } from "./mailbox.ts";
import type { OwnerServices } from "./owner-services.ts";
import { type ActiveConversations, touch } from "./passivation.ts";
import { decodeEntry, position, sequenceOf } from "./records.ts";
import { conflictEvent, endOfHandled } from "./repeats.ts";
import { inboxLog } from "./router.ts";
import { type TurnFigures, TurnMeter } from "./turn-figures.ts";
import { type HandOn, RunningSteps } from "./running-steps.ts";
import { TurnRunner } from "./turn-runner.ts";
import { NewsTaker } from "./news-taker.ts";
import { type ColdEntry, type Replayed, replay, settleEphemeral } from "./replay.ts";
import { Watermark } from "./watermark.ts";

/** A partition at its owner: reads the inbox, runs the turns of its conversations, writes the journal. */
export class Partition {
  readonly number: number;
  readonly #services: OwnerServices;
  readonly #journal: Journal;
  readonly #watermark: Watermark;
  readonly #active: ActiveConversations = new Map();
  /** Journal entries that no checkpoint covers, of conversations that are not in memory yet. */
  readonly #cold: Map<string, ColdEntry[]>;
  readonly #maintenance: Maintenance;
  readonly #runner: TurnRunner;
  readonly #news: NewsTaker;
  readonly #deliveries: Deliveries | undefined;
  readonly #tellLost: (error: HoldfastError) => void;
  readonly #meter: TurnMeter;
  readonly #endedCalls = new EndedCalls();
  readonly #steps = new RunningSteps();
  /** Inbox records up to here were there before this owner. */
  #recoveredUpTo = 0;
  #follower: Follower | undefined;
  readonly #arrivals: { readonly sequence: number; readonly resolve: () => void }[] = [];
  readonly #stop = new AbortController();

  private constructor(
    number: number,
    services: OwnerServices,
    journal: Journal,
    watermark: Watermark,
    replayed: Replayed,
    onLost: (error: HoldfastError) => void,
  ) {
    this.number = number;
    this.#meter = new TurnMeter(services.clock);
    this.#tellLost = onLost;
    this.#services = services;
    this.#journal = journal;
    this.#watermark = watermark;
    this.#cold = replayed.cold;
    this.#maintenance = new Maintenance(services, number, journal, replayed.dirty, {
      active: this.#active,
      activate: (key) => this.#activateCold(key),
      carry: (conversation) => this.#carry(conversation),
      lost: (error) => this.lost(error),
    });
    settleEphemeral(replayed, journal.durableWatermark, this.#maintenance);
    this.#runner = new TurnRunner(services, journal, this.#maintenance, watermark, {
      pump: (conversation) => conversation.state && this.#pump(conversation, conversation.state),
      meter: this.#meter,
      steps: this.#steps,
      callEnded: (id, end) => this.#endedCalls.add(id, end),
      signal: this.#stop.signal,
      deliver: (conversation) => this.#deliveries?.pump(conversation),
    });
    this.#news = new NewsTaker(services, journal, this.#maintenance, watermark, {
      pump: (conversation) => conversation.state && this.#pump(conversation, conversation.state),
      tellLateFailures: (conversation, before) =>
        this.#deliveries?.tellLateFailures(conversation, before),
      isStopping: () => this.#stop.signal.aborted || this.#steps.isClosing,
      signal: this.#stop.signal,
    });
    const { channels } = services;
    this.#deliveries =
      channels &&
      new Deliveries(services, channels, journal, this.#maintenance, {
        pump: (conversation) => conversation.state && this.#pump(conversation, conversation.state),
        signal: this.#stop.signal,
      });
  }

  /**
   * Takes a partition over and continues where its last owner stopped. Errors: `ownership_lost`,
   * `engine_unavailable`, `data_corrupt`, `home_too_new`.
   */
  static async open(
    number: number,
    epoch: number,
    services: OwnerServices,
    { onLost, ready = Promise.resolve(false) }: OpenOptions,
  ): Promise<Partition> {
    const replayed: Replayed = { cold: new Map(), dirty: new Map(), sending: new Map() };
    // The journal asks for them before they can be made.
    const own: { watermark?: Watermark; partition?: Partition } = {};
    const { engine, clock, random, node, gate } = services;
    const journal = await Journal.open(
      {
        log: engine.messageLog,
        partition: number,
        epoch,
        node,
        gate,
        clock,
        random,
        watermark: () => own.watermark?.value ?? 0,
        ready,
        onLost: (error) => {
          own.partition?.lost(error);
        },
      },
      (sequence, record) => replay(replayed, sequence, record),
    );
    own.watermark = new Watermark(journal.durableWatermark);
    const { watermark } = own;
    const partition = new Partition(number, services, journal, watermark, replayed, onLost);
    own.partition = partition;
    await partition.#start(await ready);
    // What waited to be sent when the last owner stopped goes on, though nobody writes.
    for (const key of replayed.sending.keys()) {
      partition.#loadAndPump(partition.#conversation(parseConversationKey(key), false));
    }
    return partition;
  }

  get isOpen(): boolean {
    return !this.#stop.signal.aborted && !this.#steps.isReleased;
  }

  /** Inbox records that are not done. */
  get lag(): number {
    return Math.max(0, this.#maintenance.newestInbox - this.#watermark.value);
  }

  get activeConversations(): number {
    return this.#active.size;
  }

  /** The state of a conversation, brought into memory if need be. Errors: `engine_unavailable`. */
  async stateOf(ref: ConversationRef): Promise<ConversationState> {
    const conversation = this.#conversation(ref, false);
    touch(this.#active, conversation, this.#services.clock.monotonic());
    try {
      return conversation.state ?? (await this.#load(conversation));
    } finally {
      // Asking for what does not exist, or cannot be loaded, leaves nothing in memory.
      const { state, loading, mailbox, key } = conversation;
      const isNothing = state
        ? state.journaled === 0 && isIdle(conversation)
        : loading === undefined && mailbox.size === 0 && !conversation.isActivating;
      if (isNothing && this.#active.get(key) === conversation) this.#active.delete(key);
    }
  }

  /** The state of a conversation if it is in memory. */
  loadedStateOf(ref: ConversationRef): ConversationState | undefined {
    return this.#active.get(conversationKey(ref))?.state;
  }

  /** A message of the conversation that was delivered and is not handled. */
  waitingMessage(ref: ConversationRef, id: MessageId): InboundMessage | undefined {
    const mailbox = this.#active.get(conversationKey(ref))?.mailbox;
    return mailbox?.all.find(({ message }) => message.id === id)?.message;
  }

  /** What is known of a stateless call. */
  lookAtCall(ref: ConversationRef, id: MessageId): MessageLook {
    const end = this.#endedCalls.get(id);
    if (end) return { state: "handled", end };
    const mailbox = this.#active.get(journalKey(ref, true))?.mailbox;
    const isWaiting = mailbox?.all.some(({ message }) => message.id === id) === true;
    return { state: isWaiting ? "waiting" : "unknown" };
  }

  /** Whether the conversation has messages that are not handled. */
  isBusy(ref: ConversationRef): boolean {
    return (this.#active.get(conversationKey(ref))?.mailbox.size ?? 0) > 0;
  }

  /**
   * Sends an empty record the whole way: inbox, owner, journal. Resolves when it is through, so it shows
   * that messages are processed and not only accepted. Errors: those of both appends.
   */
  async probe(inbox: Inbox): Promise<void> {
    const { sequence } = await inbox.probe();
    this.nudge(sequence);
    await this.#arrived(sequence);
    await this.#journal.append({ t: "probe" });
  }

  /** The inbox holds a record with this sequence. */
  nudge(sequence: number): void {
    this.#follower?.nudge(sequence);
  }

  /** What its turns did since the last call. */
  takeTurnFigures(): TurnFigures {
    return this.#meter.take();
  }

  /**
   * Lets go in good order: begins no more turns, lets those that run end within `patienceMs`, and writes
   * nothing more. Steps that run on then go to `handOn` when they end; returns their names.
   */
  async handOver(patienceMs: number, handOn: HandOn): Promise<readonly StepKey[]> {
    this.#steps.close();
    const { clock } = this.#services;
    const patience = new AbortController();
    await Promise.all([
      Promise.race([this.#meter.idle(), delay(clock, patienceMs, patience.signal)]),
      this.#deliveries?.finish(limits.sendHandOverMs),
    ]);
    patience.abort();
    if (this.#stop.signal.aborted) return [];
    // From here on nothing is lost between the journal, which refuses it, and the next owner.
    const running = this.#steps.release(handOn);
    await this.#journal.finish();
    // What the follower still reads is nothing that the next owner must wait for.
    void this.#stopServing();
    return running;
  }

  /** Messages that are being sent to platforms now. */
  get sendsInFlight(): number {
    return this.#deliveries?.inFlight ?? 0;
  }

  /** Resolves when the turns that ran on after the hand-over have ended. */
  idle(): Promise<void> {
    return this.#meter.idle();
  }

  /** Stops at once; what is unfinished, the next owner finishes. */
  async close(): Promise<void> {
    if (!this.#stop.signal.aborted) this.#stop.abort(closedError());
    await this.#stopServing();
  }

  async #stopServing(): Promise<void> {
    this.#maintenance.close();
    this.#journal.close();
    for (const { resolve } of this.#arrivals.splice(0)) resolve();
    for (const { wait, mailbox } of this.#active.values()) {
      wait?.();
      for (const { message } of mailbox.all) this.#services.pending.forget(message.id);
    }
    await this.#follower?.close();
  }

  #arrived(sequence: number): Promise<void> {
    if (this.#maintenance.newestInbox >= sequence || !this.isOpen) return Promise.resolve();
    return new Promise((resolve) => this.#arrivals.push({ sequence, resolve }));
  }

  /** `isOrderly`: the last owner let go by itself, so that no message is suspected of having ended it. */
  async #start(isOrderly: boolean): Promise<void> {
    const { messageLog } = this.#services.engine;
    const { last } = await messageLog.bounds(inboxLog(this.number));
    this.#recoveredUpTo = isOrderly ? 0 : last;
    const from = this.#watermark.value + 1;
    this.#follower = await messageLog.follow(inboxLog(this.number), from, (record) =>
      this.#deliver(record),
    );
    this.#maintenance.start();
  }

  /** Another owner took the partition, or it cannot be read: nothing of it runs here any more. */
  lost(error: HoldfastError): void {
    if (!this.isOpen) return;
    this.#services.report(error, `partition ${this.number}`);
    void this.close();
    this.#tellLost(error);
  }

  /** One record of the inbox, in order. */
  #deliver(record: LogRecord): void {
    if (!this.isOpen) return;
    let messages: readonly (InboundMessage | null)[];
    try {
      messages = readInboxRecord(this.number, record);
    } catch (thrown) {
      // Skipping what cannot be read would lose it silently; the operator must decide.
      this.lost(toHoldfastError(thrown));
      return;
    }
    this.#watermark.delivered(record.sequence, messages.length);
    this.#maintenance.newestInbox = record.sequence;
    for (const { resolve } of takeUpTo(this.#arrivals, record.sequence)) resolve();
    const recovered = record.sequence <= this.#recoveredUpTo;
    messages.forEach((message, index) => {
      const at = position(record.sequence, index);
      if (message === null) {
        this.#watermark.done(at);
        return;
      }
      const waiting = { message, at, recovered };
      const conversation = this.#conversation(refOf(message), message.ephemeral === true);
      const { mailbox } = conversation;
      if (!mailbox.add(waiting)) {
        const first = mailbox.all.find((each) => each.message.id === message.id);
        if (first?.message.fingerprint !== message.fingerprint) this.#refuseContent(message);
        this.#watermark.done(waiting.at);
        return;
      }
      this.#services.pending.add(message);
      this.#services.reach("afterDelivery");
      if (conversation.state) this.#pump(conversation, conversation.state);
      else this.#loadAndPump(conversation);
    });
  }

  #conversation(ref: ConversationRef, ephemeral: boolean): ActiveConversation {
    const key = journalKey(ref, ephemeral);
    const known = this.#active.get(key);
    if (known) return known;
    const conversation = activeConversation(key, ref, ephemeral);
    conversation.usedAt = this.#services.clock.monotonic();
    this.#active.set(key, conversation);
    if (ephemeral) conversation.state = this.#warm(key, newConversation());
    return conversation;
  }

  #loadAndPump(conversation: ActiveConversation): void {
    if (conversation.isActivating) return;
    conversation.isActivating = true;
    const attempt = async (): Promise<void> => {
      for (let pauseMs: number = limits.reopenMinMs; this.isOpen; ) {
        try {
          const state = await this.#load(conversation);
          if (this.isOpen) this.#pump(conversation, state);
          return;
        } catch (thrown) {
          const error = toHoldfastError(thrown);
          this.#services.report(error, `activation of ${conversation.key}`);
          await delay(this.#services.clock, pauseMs, this.#stop.signal);
          pauseMs = Math.min(limits.reopenMaxMs, pauseMs * 2);
        }
      }
    };
    void attempt().finally(() => {
      conversation.isActivating = false;
    });
  }

  #load(conversation: ActiveConversation): Promise<ConversationState> {
    // Another caller may have loaded it meanwhile: a second load would undo what happened since.
    if (conversation.state) return Promise.resolve(conversation.state);
    conversation.loading ??= this.#services.checkpoints
      .load(conversation.key)
      .then(({ state, revision }) => {
        conversation.revision = revision;
        conversation.state = this.#warm(conversation.key, state);
        return conversation.state;
      })
      .finally(() => {
        conversation.loading = undefined;
      });
    return conversation.loading;
  }

  /** Applies the journal entries that are newer than the checkpoint. */
  #warm(key: string, state: ConversationState): ConversationState {
    const covered = state.journaled;
    for (const { sequence, bytes } of this.#cold.get(key) ?? []) {
      if (sequence > covered) applyEntry(state, decodeEntry<ConversationEntry>(bytes), sequence);
    }
    // Not before: what cannot be applied must not be left out at the next try.
    this.#cold.delete(key);
    return state;
  }

  async #activateCold(key: string): Promise<ActiveConversation | undefined> {
    const known = this.#active.get(key);
    if (!known && !this.#cold.has(key)) return undefined;
    const conversation = known ?? this.#conversation(parseConversationKey(key), false);
    if (!conversation.state) await this.#load(conversation);
    return conversation;
  }

  /** Says in the journal's tail that the conversation has something to send. */
  async #carry(conversation: ActiveConversation): Promise<void> {
    const { key, state } = conversation;
    if (!state) return;
    const ids = state.outbox?.waiting.map(({ id }) => id) ?? [];
    const entry = { t: "carry" as const, c: key, ids };
    const sequence = await this.#journal.append(entry);
    applyEntry(state, entry, sequence);
    this.#maintenance.changed(conversation, sequence);
  }

  /** Begins the conversation's next turn, if there is one and nothing holds it back. */
  #pump(conversation: ActiveConversation, state: ConversationState): void {
    this.#deliveries?.pump(conversation);
    if (this.isOpen && conversation.mailbox.news(state)) void this.#news.take(conversation, state);
    const isHeld = conversation.running || conversation.wait !== undefined;
    if (!this.isOpen || this.#steps.isClosing || isHeld) return;
    for (const repeat of conversation.mailbox.dropHandled(state)) {
      this.#finishRepeat(conversation, state, repeat);
    }
    if (!conversation.mailbox.holdsInputsOf(state)) return;
    const { head } = conversation.mailbox;
    if (!head) {
      touch(this.#active, conversation, this.#services.clock.monotonic());
      if (conversation.ephemeral) this.#active.delete(conversation.key);
      return;
    }
    if (state.outbox && isFull(state.outbox)) return;
    this.#runner.begin(conversation, state, head);
  }

  #finishRepeat(conversation: ActiveConversation, state: ConversationState, repeat: Waiting): void {
    if (conversation.ephemeral) {
      this.#maintenance.ephemeralDone(conversation.key, sequenceOf(repeat.at), this.#journal.last);
    }
    this.#watermark.done(repeat.at);
    this.#services.pending.remove(repeat.message.id);
    const seen = state.seen.get(repeat.message.id);
    if (seen && seen.fingerprint !== (repeat.message.fingerprint ?? "")) {
      this.#refuseContent(repeat.message);
    } else this.#tellRepeat(conversation, state, repeat.message);
  }

  /** A key's second content: the node that accepted it could not know of the first. */
  #refuseContent(message: InboundMessage): void {
    const { egress, pending, report } = this.#services;
    const problem = `A key of ${conversationKey(message)} came with two contents; the first took effect alone.`;
    report(new HoldfastError("idempotency_conflict", problem), `message ${message.id}`);
    // Under the same id others may wait here for the first content.
    const known = pending.get(message.id);
    if (known && known.fingerprint !== message.fingerprint && egress.isHere(message)) return;
    egress.tellAccepter(message, conflictEvent(message.id));
  }

  /** Whoever waited for the message when another partition answered it heard nothing of that. */
  #tellRepeat(
    { key }: ActiveConversation,
    state: ConversationState,
    message: InboundMessage,
  ): void {
    const { egress, report } = this.#services;
    // Nobody watches under this name: those who watch the conversation have seen the turn.
    const nobody = "";
    if (!egress.isHeard(nobody, [message])) return;
    try {
      egress.emit(nobody, [message], endOfHandled(state, message));
    } catch (thrown) {
      report(toHoldfastError(thrown), `events of ${key}`);
    }
  }
}

export interface OpenOptions {
  /**
   * Resolves when the last owner has let go (true), or has had its time (false); what can be read before
   * is read meanwhile.
   */
  readonly ready?: Promise<boolean>;
  /** The partition is closed because of this error. */
  readonly onLost: (error: HoldfastError) => void;
}

function closedError(): HoldfastError {
  return new HoldfastError("not_ready", "The partition is closed on this node.");
}

function takeUpTo<T extends { readonly sequence: number }>(waiting: T[], sequence: number): T[] {
  const reached = waiting.filter((item) => item.sequence <= sequence);
  if (reached.length > 0) {
    waiting.splice(0, waiting.length, ...waiting.filter((item) => item.sequence > sequence));
  }
  return reached;
}
