import {
  type Cancel,
  type Clock,
  type ConversationEvent,
  type ConversationRef,
  type Conversations,
  type HoldfastError,
  type MessageId,
  type StoredMessage,
  toHoldfastError,
  type TurnId,
} from "@holdfast/core";
import type { CommittedTurn } from "../http/turns.ts";
import { historyRange } from "./history-range.ts";
import { gatewayLimits } from "./limits.ts";
import { messageIdOf, messageViews } from "./messages.ts";
import { failureShape, isNotFound } from "./protocol.ts";
import { RecentSet } from "./recent-set.ts";
import { Run, type SessionEvent } from "./run.ts";

export type SessionListener = (ref: ConversationRef, event: SessionEvent) => void;

type FailedTurn = Extract<ConversationEvent, { type: "failed" }>;
type InputEvent = Extract<ConversationEvent, { type: "started" | "committed" }>;
type TurnEvent = Extract<ConversationEvent, { type: "started" | "delta" | "tool" | "committed" }>;

export interface LiveSessionOptions {
  readonly ref: ConversationRef;
  readonly conversations: Conversations;
  readonly clock: Clock;
  readonly report: (error: HoldfastError, where: string) => void;
  /** The run that a message began, if a client of this node did. */
  readonly runIdOf: (id: MessageId) => string | undefined;
  /** Nobody follows it and nothing runs in it any more. */
  readonly onIdle: () => void;
  /** An agent answered in it. */
  readonly onActivity: () => void;
}

/**
 * A conversation that clients of this node follow, or have runs in. A run that a client of this node began
 * is followed by its message (`hub.ts`), which misses nothing. What others began is seen through
 * the conversation's events, which may be lost when a node dies: a run that falls silent is looked up in
 * the history, and given up when that never tells of it.
 */
export class LiveSession {
  readonly ref: ConversationRef;
  readonly #options: LiveSessionOptions;
  readonly #listeners = new Set<SessionListener>();
  readonly #runs = new Set<Run>();
  /** Of this node's clients. */
  readonly #own = new Map<MessageId, Run>();
  /** The run that brings a turn's text, where a turn has several inputs. */
  readonly #leaders = new Map<TurnId, Run>();
  /** Messages of this node's clients, and turns, that ended a moment ago: events of them may still come. */
  readonly #endedInputs = new RecentSet<MessageId>(gatewayLimits.recentEnds);
  readonly #endedTurns = new RecentSet<TurnId>(gatewayLimits.recentEnds);
  /** What came while a message was being accepted: it may be about that message. */
  #held: ConversationEvent[] = [];
  #accepting = 0;
  #unsubscribe: (() => void) | undefined;
  #cancelLook: Cancel | undefined;

  constructor(options: LiveSessionOptions) {
    this.ref = options.ref;
    this.#options = options;
  }

  /** Runs that have not ended, the oldest first. */
  get runs(): readonly Run[] {
    return [...this.#runs];
  }

  /** Errors: those of `Conversations.subscribe`. */
  listen(listener: SessionListener): () => void {
    this.#unsubscribe ??= this.#options.conversations.subscribe(this.ref, (event) =>
      this.#hear(event),
    );
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      this.#rest();
    };
  }

  /** A run of a client of this node; `accept` resolves to the id of its message. */
  async open(id: string, accept: () => Promise<MessageId>): Promise<Run> {
    const run = this.#newRun(id, false);
    this.#accepting += 1;
    try {
      const message = await accept();
      run.inputs = [message];
      // A client may have ended it meanwhile.
      if (run.outcome) this.#endedInputs.add(message);
      else this.#own.set(message, run);
      return run;
    } catch (thrown) {
      this.#forget(run);
      throw thrown;
    } finally {
      this.#accepting -= 1;
      if (this.#accepting === 0) {
        for (const event of this.#held.splice(0)) this.#hear(event);
        // All who followed it may have left meanwhile.
        this.#rest();
      }
    }
  }

  /** An event of the turn that answers a run of this node's client. */
  take(run: Run, event: ConversationEvent): void {
    // It must not become the leader of a turn that others wait for.
    if (run.outcome) return;
    if (event.type === "failed") {
      if (event.final) {
        run.end({ status: "error", error: failureShape(event.code, event.message) });
      }
      return;
    }
    if (!isOfTurn(event)) return;
    const isLeader = this.#lead(event.turn, run) === run;
    if (event.type === "started") run.begin(event.turn);
    else if (event.type === "committed") this.#commit(run, event, !isLeader);
    else if (isLeader) this.#show(run, event);
  }

  emit(event: SessionEvent): void {
    for (const listener of this.#listeners) listener(this.ref, event);
  }

  /** Ends every run for its clients, as the node stops. */
  close(): void {
    this.#cancelLook?.();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#listeners.clear();
  }

  /** What this node's clients did not begin. */
  #hear(event: ConversationEvent): void {
    if (this.#accepting > 0) {
      if (this.#held.length < gatewayLimits.heldEvents) this.#held.push(event);
      return;
    }
    if (event.type === "committed") this.#tellMessages(event);
    if (event.type === "failed") return this.#failForeign(event);
    if (!isOfTurn(event) || this.#endedTurns.has(event.turn)) return;
    if (event.type === "delta" || event.type === "tool") {
      const leader = this.#leaders.get(event.turn) ?? this.#foreign(event.turn, []);
      if (leader.isForeign) this.#show(leader, event);
      return;
    }
    const others = event.inputs.filter((id) => !this.#own.has(id) && !this.#endedInputs.has(id));
    if (others.length === 0) return this.#hearOwn(event);
    const leader = this.#leaders.get(event.turn);
    if (leader && !leader.isForeign) return;
    const run = leader ?? this.#foreign(event.turn, others);
    run.inputs = others;
    if (event.type === "started") run.begin(event.turn);
    // Of a commit too large for the way between nodes only the end comes: the look finds the whole.
    else if (event.messages.some(({ id }) => others.includes(id))) this.#commit(run, event, false);
  }

  #failForeign({ inputs, code, message, final }: FailedTurn): void {
    for (const run of this.#runs) {
      if (!run.isForeign || !final || !shares(run.inputs, inputs)) continue;
      run.end({ status: "error", error: failureShape(code, message) });
    }
  }

  /** Own runs are told by their followers; what comes here only says whose the turn is. */
  #hearOwn(event: InputEvent): void {
    const leader = this.#leaders.get(event.turn);
    if (leader?.isForeign && event.type === "committed") return this.#commit(leader, event, true);
    if (leader) return;
    const run = event.inputs.map((id) => this.#own.get(id)).find((own) => own);
    if (run) this.#leaders.set(event.turn, run);
    else this.#endedTurns.add(event.turn);
  }

  #show(run: Run, event: TurnEvent): void {
    if (event.type === "delta") run.say(event.text);
    else if (event.type === "tool") run.tool(event.name, event.state);
  }

  #commit(run: Run, turn: CommittedTurn, isSilent: boolean): void {
    if (run.outcome) return;
    run.begin(turn.turn);
    run.committed(turn, isSilent);
    this.#options.onActivity();
  }

  #tellMessages({ messages }: CommittedTurn): void {
    const views = messageViews(messages, gatewayLimits.messageChars, this.#options.runIdOf);
    for (const [at, message] of messages.entries()) {
      const payload = {
        message: views[at],
        messageId: messageIdOf(message),
        messageSeq: message.index + 1,
      };
      this.emit({ event: "session.message", payload });
    }
  }

  #lead(turn: TurnId, run: Run): Run {
    const leader = this.#leaders.get(turn);
    if (leader && !leader.isForeign) return leader;
    if (!leader) this.#leaders.set(turn, run);
    return run;
  }

  #foreign(turn: TurnId, inputs: readonly MessageId[]): Run {
    const known = [...this.#runs].find((run) => run.isForeign && shares(run.inputs, inputs));
    const run = known ?? this.#newRun(`turn-${turn}`, true);
    run.inputs = inputs;
    run.turn = turn;
    this.#leaders.set(turn, run);
    this.#watchSilence();
    return run;
  }

  #newRun(id: string, isForeign: boolean): Run {
    const { clock } = this.#options;
    const run = new Run({ id, clock, isForeign, emit: (event) => this.emit(event) });
    this.#runs.add(run);
    void run.ended.then(() => this.#forget(run));
    return run;
  }

  #forget(run: Run): void {
    this.#runs.delete(run);
    for (const id of run.inputs) {
      this.#endedInputs.add(id);
      if (this.#own.get(id) === run) this.#own.delete(id);
    }
    for (const [turn, leader] of this.#leaders) {
      if (leader !== run) continue;
      this.#leaders.delete(turn);
      this.#endedTurns.add(turn);
    }
    this.#rest();
  }

  #rest(): void {
    if (this.#listeners.size === 0) {
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
      // Nobody is left to hear of them.
      for (const run of this.#runs) if (run.isForeign) this.#runs.delete(run);
    }
    if (this.#listeners.size === 0 && this.#runs.size === 0 && this.#accepting === 0) {
      this.#cancelLook?.();
      this.#options.onIdle();
    }
  }

  #watchSilence(): void {
    this.#cancelLook ??= this.#options.clock.schedule(gatewayLimits.lookMs, () => {
      this.#look().catch((thrown: unknown) =>
        this.#options.report(toHoldfastError(thrown), "gateway session"),
      );
    });
  }

  async #look(): Promise<void> {
    const now = this.#options.clock.monotonic();
    const silent = [...this.#runs].filter(
      ({ isForeign, heardAt, looks }) =>
        isForeign && now - heardAt > gatewayLimits.lookMs * 2 ** looks,
    );
    try {
      if (silent.length > 0) await this.#lookFor(silent);
    } finally {
      this.#cancelLook = undefined;
      if ([...this.#runs].some(({ isForeign }) => isForeign)) this.#watchSilence();
    }
  }

  /** Ends the runs of which the history tells, and those of which it did not for too long. */
  async #lookFor(runs: readonly Run[]): Promise<void> {
    try {
      await this.#readEnds(runs);
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      // The conversation's owner is being replaced, most likely: the next look will tell.
      if (error.retry !== "never") return;
      if (!isNotFound(error)) this.#options.report(error, "gateway session");
    }
    for (const run of runs) {
      run.looks += 1;
      if (run.looks >= gatewayLimits.silentLooks) run.end({ status: "timeout", error: silence });
    }
  }

  /** Ends the runs whose turn stands in the history. */
  async #readEnds(runs: readonly Run[]): Promise<void> {
    const { conversations } = this.#options;
    const { newest } = await conversations.history(this.ref, { after: -1, limit: 1 });
    const until = newest + 1;
    const from = Math.max(0, until - gatewayLimits.historyPage);
    const turns = new Map(runs.map((run) => [run, run.turn]));
    const found: StoredMessage[] = [];
    for await (const message of historyRange(conversations, this.ref, from, until)) {
      const { id, role, turn } = message;
      if (turn === undefined) continue;
      for (const run of runs) {
        if (role === "user" && run.inputs.includes(id)) turns.set(run, turn);
      }
      if ([...turns.values()].includes(turn)) found.push(message);
    }
    for (const [run, turn] of turns) {
      const all = found.filter((message) => message.turn === turn);
      const outcome = all.findLast((message) => message.outcome)?.outcome;
      if (turn === undefined || !outcome) continue;
      this.#commit(
        run,
        { type: "committed", turn, inputs: run.inputs, messages: all, ...outcome },
        false,
      );
    }
  }
}

/** How a run ends whose end was lost: a failure leaves nothing in the history. */
const silence = failureShape(
  "wait_timeout",
  "Nothing was heard of the run for long; an answer that is ready later stands in the history.",
);

/** What happens on the way to the end of a turn, and its good end. */
function isOfTurn(event: ConversationEvent): event is TurnEvent {
  return "turn" in event;
}

function shares(some: readonly MessageId[], others: readonly MessageId[]): boolean {
  return some.some((id) => others.includes(id));
}
