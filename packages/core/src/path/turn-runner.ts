import { HoldfastError, toHoldfastError } from "../errors.ts";
import { agentKey, type MessageId, type TurnId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { MessageSource } from "../deliveries.ts";
import {
  type ConversationEvent,
  type InboundMessage,
  isTurnEnd,
  type TurnEnd,
} from "../messages.ts";
import type { ActiveConversation } from "./active-conversation.ts";
import {
  applyEntry,
  flatString,
  type ConversationEntry,
  type ConversationState,
  type ModelStep,
  type Step,
  outcomeOf,
  type UnindexedMessage,
} from "./conversation-state.ts";
import { HistoryPages } from "./history.ts";
import { handledInputs } from "./handled-inputs.ts";
import type { Journal } from "./journal.ts";
import type { QueueMode, Waiting } from "./mailbox.ts";
import type { Maintenance } from "./maintenance.ts";
import type { OwnerServices } from "./owner-services.ts";
import { sequenceOf } from "./records.ts";
import type { StepKey } from "./handed-steps.ts";
import type { RunningSteps } from "./running-steps.ts";
import { calledName, nameOf, runTurn, type StepName } from "./turn.ts";
import type { TurnMeter } from "./turn-figures.ts";
import type { Watermark } from "./watermark.ts";

interface RunnerView {
  /** Begins the conversation's next turn if there is one. */
  readonly pump: (conversation: ActiveConversation) => void;
  readonly meter: TurnMeter;
  readonly steps: RunningSteps;
  /** A stateless call came to its end, or to that of a try. */
  readonly callEnded: (id: MessageId, end: TurnEnd) => void;
  /** Sends what the conversation's outbox holds. */
  readonly deliver: (conversation: ActiveConversation) => void;
  /** Aborts when the partition is closed. */
  readonly signal: AbortSignal;
}

/** Runs the turns of a partition's conversations to their commit, their next try or the dead letters. */
export class TurnRunner {
  readonly #services: OwnerServices;
  readonly #journal: Journal;
  readonly #maintenance: Maintenance;
  readonly #watermark: Watermark;
  readonly #partition: RunnerView;

  constructor(
    services: OwnerServices,
    journal: Journal,
    maintenance: Maintenance,
    watermark: Watermark,
    partition: RunnerView,
  ) {
    this.#services = services;
    this.#journal = journal;
    this.#maintenance = maintenance;
    this.#watermark = watermark;
    this.#partition = partition;
  }

  /** Runs the next turn as soon as the scheduler has a place for it. */
  begin(conversation: ActiveConversation, state: ConversationState, head: Waiting): void {
    const queue = this.#services.resources.agent(conversation.ref)?.queue;
    // A message that failed before runs alone, so that those behind it do not share its end.
    const mode = triesOf(state, head) > 0 ? "followup" : (queue?.mode ?? "followup");
    const gather = mode === "collect" && !state.openTurn ? (queue?.debounceMs ?? 0) : 0;
    if (gather > 0 && !conversation.waitOver) {
      this.#pause(conversation, gather);
      return;
    }
    conversation.waitOver = false;
    conversation.running = true;
    const run = () => this.#run(conversation, state, mode);
    // A message that was being handled at two crashes runs alone, to find out whether it is the cause.
    if (head.recovered && triesOf(state, head) >= 2) this.#services.scheduler.addSuspect(run);
    else this.#services.scheduler.add(agentKey(conversation.ref), run);
  }

  #pause(conversation: ActiveConversation, ms: number): void {
    conversation.wait = this.#services.clock.schedule(ms, () => {
      conversation.wait = undefined;
      conversation.waitOver = true;
      this.#partition.pump(conversation);
    });
  }

  async #run(
    conversation: ActiveConversation,
    state: ConversationState,
    mode: QueueMode,
  ): Promise<void> {
    if (this.#partition.signal.aborted || this.#partition.steps.isClosing) return;
    const inputs = conversation.mailbox.nextInputs(state, mode);
    const end = this.#partition.meter.begin();
    try {
      if (inputs[0]?.message.content.type === "notice") {
        await this.#takeNotice(conversation, state, inputs[0]);
      } else if (await this.#admitTry(conversation, state, inputs)) {
        await this.#runTurn(conversation, state, inputs);
      }
    } catch (thrown) {
      await this.#onTurnFailure(conversation, state, inputs, toHoldfastError(thrown));
    }
    end();
    if (this.#partition.steps.isClosing) return;
    conversation.running = false;
    conversation.usedAt = this.#services.clock.monotonic();
    if (HistoryPages.isDue(state)) this.#maintenance.seal(conversation);
    this.#partition.pump(conversation);
  }

  /** A text for the chat that needs no model. */
  async #takeNotice(
    conversation: ActiveConversation,
    state: ConversationState,
    input: Waiting,
  ): Promise<void> {
    const { content, source } = input.message;
    const common = { c: conversation.key, inputs: handledInputs(conversation, [input]) };
    const at = this.#services.clock.now();
    const entry: ConversationEntry =
      content.type === "notice" && source
        ? { t: "notice", ...common, to: source, text: content.text, at }
        : { t: "dropped", ...common };
    const sequence = await this.#journal.append(entry);
    applyEntry(state, entry, sequence);
    this.#finishInputs(conversation, [input], sequence);
    this.#partition.deliver(conversation);
  }

  /** Counts a try that begins after a crash before it begins; false when the tries were used up. */
  async #admitTry(
    conversation: ActiveConversation,
    state: ConversationState,
    inputs: readonly Waiting[],
  ): Promise<boolean> {
    const head = inputs[0];
    const tries = head ? triesOf(state, head) : 0;
    if (tries >= limits.turnAttempts) {
      const reason = new HoldfastError("turn_failed", "The node stopped at every try of it.");
      await this.#giveUp(conversation, state, inputs, reason);
      return false;
    }
    if (!head?.recovered || conversation.failures > 0) return true;
    await this.#write(conversation, state, {
      t: "attempt",
      c: conversation.key,
      at: head.at,
      count: tries + 1,
    });
    return true;
  }

  async #runTurn(
    conversation: ActiveConversation,
    state: ConversationState,
    inputs: readonly Waiting[],
  ): Promise<void> {
    /** Steps that are not durable. */
    const begun = new Set<StepKey>();
    const source = inputs.at(-1)?.message.source;
    const account =
      source && this.#services.channels?.account(conversation.ref.organization, source.account);
    const endTyping = source && account?.typing(source.chat);
    try {
      await this.#runSteps(conversation, state, inputs, begun);
    } finally {
      endTyping?.();
      for (const step of begun) this.#partition.steps.ended(step);
    }
  }

  async #runSteps(
    conversation: ActiveConversation,
    state: ConversationState,
    inputs: readonly Waiting[],
    begun: Set<StepKey>,
  ): Promise<void> {
    const { egress, clock, reach } = this.#services;
    const messages = await this.#withMedia(inputs.map(({ message }) => message));
    const id = flatString("t", messages[0]?.id ?? "") as TurnId;
    const { key, ref } = conversation;
    const to = messages.findLast(({ source }) => source !== undefined)?.source;
    const emit = (event: ConversationEvent) => this.#tell(conversation, inputs, event);
    if (egress.isFollowed(key, messages)) {
      emit({ type: "started", turn: id, inputs: messages.map((message) => message.id) });
    }
    // Other inputs under the same turn's id would make it another question.
    const keyOf = (step: StepName): StepKey => `${id}~${inputs.at(-1)?.message.id ?? ""}.${step}`;
    const { steps } = this.#partition;
    const answer = await runTurn(this.#services, {
      id,
      ref,
      inputs: messages,
      history: state.tail,
      historyChars: state.tailChars,
      historyBlobs: state.tailBlobs,
      get steps() {
        return stepsOf(state, id);
      },
      begin: (step) => {
        begun.add(keyOf(step));
        steps.begin(keyOf(step));
        return this.#services.handed.take(keyOf(step));
      },
      done: (step, result) => steps.done(keyOf(step), result),
      ensureHere: () => steps.ensureHere(),
      journal: async (step) => {
        const stepKey = keyOf(nameOf(step, stepsOf(state, id).length));
        await this.#write(conversation, state, {
          t: "step",
          c: key,
          turn: id,
          inputs: inputs.map(({ at }) => at),
          step,
        });
        steps.written(stepKey);
        begun.delete(stepKey);
      },
      isFollowed: () => egress.isFollowed(key, messages),
      emit,
      signal: this.#partition.signal,
    });
    this.#partition.signal.throwIfAborted();
    reach("beforeTurnCommit");
    const stored = await this.#storeLongAnswer(id, answer);
    const user = messages.flatMap((message) => userMessages(state, message, id));
    const entry = {
      t: "turn" as const,
      c: key,
      turn: id,
      inputs: handledInputs(conversation, inputs),
      user,
      ...stored,
      at: clock.now(),
      ...(to && { to: withoutMedia(to) }),
    };
    const sequence = await this.#journal.append(entry);
    for (const step of begun) steps.written(step);
    begun.clear();
    reach("afterTurnCommit");
    const added = applyEntry(state, entry, sequence);
    this.#finishInputs(conversation, inputs, sequence);
    if (to) this.#partition.deliver(conversation);
    if (!egress.isHeard(key, messages)) return;
    emit({
      type: "committed",
      turn: id,
      inputs: messages.map((message) => message.id),
      // A long answer is cut in the record, not for those who wait for it.
      messages: stored.blob
        ? added.map((message) =>
            message.blob === stored.blob ? { ...message, text: answer.text } : message,
          )
        : added,
      ...outcomeOf(added),
    });
  }

  /** The messages with what became of the files that came with them. */
  #withMedia(messages: readonly InboundMessage[]): Promise<readonly InboundMessage[]> {
    const { channels } = this.#services;
    return Promise.all(
      messages.map(async (message) => {
        const { source, content, organization, id } = message;
        if (!channels || !source?.media?.length || content.type !== "text") return message;
        const lines = await channels.describeMedia(organization, id, source);
        const text = content.text === "" ? lines : `${content.text}\n\n${lines}`;
        return { ...message, content: { type: "text", text } };
      }),
    );
  }

  async #storeLongAnswer(
    id: TurnId,
    answer: ModelStep,
  ): Promise<{ answer: ModelStep; blob?: string }> {
    if (answer.text.length * 3 <= limits.inlinePayloadBytes) return { answer };
    // Another try of this turn, here or at a deposed owner, may still be writing another answer.
    const blob = `answer.${id}.${this.#services.random.token(12)}`;
    await this.#services.engine.blobStore.put(blob, new TextEncoder().encode(answer.text));
    return { answer: { ...answer, text: answer.text.slice(0, 1_000) }, blob };
  }

  /** Tells whoever listens. That somebody cannot be told changes nothing about what happened. */
  #tell(
    conversation: ActiveConversation,
    inputs: readonly Waiting[],
    event: ConversationEvent,
  ): void {
    const { egress, report } = this.#services;
    try {
      const messages = inputs.map(({ message }) => message);
      const [call] = conversation.ephemeral ? messages : [];
      if (call && isTurnEnd(event)) this.#partition.callEnded(call.id, event);
      egress.emit(conversation.key, messages, event);
    } catch (thrown) {
      report(toHoldfastError(thrown), `events of ${conversation.key}`);
    }
  }

  /** Makes an entry durable and applies it. */
  async #write(
    conversation: ActiveConversation,
    state: ConversationState,
    entry: ConversationEntry,
  ): Promise<void> {
    const sequence = await this.#journal.append(entry);
    applyEntry(state, entry, sequence);
    this.#maintenance.changed(conversation, sequence);
  }

  /** Payloads that only the turn needed. A blob that stays because of a crash is only space. */
  #dropBlobs(conversation: ActiveConversation, { message }: Waiting): void {
    const { content, optionsBlob } = message;
    const blobs = optionsBlob === undefined ? [] : [optionsBlob];
    if (conversation.ephemeral && content.type === "blob") blobs.push(content.blob);
    for (const blob of blobs) {
      this.#services.blobs.delete(blob).catch((thrown: unknown) => {
        this.#services.report(toHoldfastError(thrown), `blob ${blob}`);
      });
    }
  }

  #finishInputs(
    conversation: ActiveConversation,
    inputs: readonly Waiting[],
    sequence: number,
    isKept = false,
  ): void {
    conversation.failures = 0;
    this.#maintenance.changed(conversation, sequence);
    conversation.mailbox.remove(inputs);
    for (const input of inputs) {
      const { at, message } = input;
      if (conversation.ephemeral) {
        this.#maintenance.ephemeralDone(conversation.key, sequenceOf(at), sequence);
      }
      this.#watermark.done(at);
      this.#services.pending.remove(message.id);
      if (!isKept) this.#dropBlobs(conversation, input);
    }
  }

  async #onTurnFailure(
    conversation: ActiveConversation,
    state: ConversationState,
    inputs: readonly Waiting[],
    error: HoldfastError,
  ): Promise<void> {
    const head = inputs[0];
    if (this.#partition.signal.aborted || this.#partition.steps.isClosing || !head) return;
    if (error.code === "internal") this.#services.report(error, `turn in ${conversation.key}`);
    conversation.failures += 1;
    try {
      if (conversation.ephemeral) await this.#giveUp(conversation, state, inputs, error);
      else if (isOutage(error)) await this.#onOutage(conversation, state, inputs, error);
      else await this.#onFailedTry(conversation, state, inputs, error);
    } catch (thrown) {
      // The failure itself could not be recorded: the message stays, and is tried again.
      const failure = toHoldfastError(thrown);
      const pause = failure.retryAfterMs ?? 1_000;
      this.#services.report(failure, `failure of a turn in ${conversation.key}`);
      if (failure.code === "dead_letters_full") {
        this.#emitFailure(conversation, inputs, error, pause);
      }
      this.#pause(conversation, pause);
    }
  }

  /** The model or the engine is away: the message waits, however often, until it is too old. */
  async #onOutage(
    conversation: ActiveConversation,
    state: ConversationState,
    inputs: readonly Waiting[],
    error: HoldfastError,
  ): Promise<void> {
    const head = inputs[0];
    const receivedAt = head?.message.receivedAt ?? 0;
    if (this.#services.clock.now() - receivedAt > limits.modelOutageMaxMs) {
      await this.#giveUp(conversation, state, inputs, error);
      return;
    }
    if (head && isCountedBefore(conversation, head)) {
      // The try did not end the node: it was not the message's doing, however often the node restarts.
      const count = Math.max(0, triesOf(state, head) - 1);
      await this.#write(conversation, state, {
        t: "attempt",
        c: conversation.key,
        at: head.at,
        count,
      });
    }
    const pause = Math.max(error.retryAfterMs ?? 0, this.#backoff(conversation.failures));
    this.#emitFailure(conversation, inputs, error, pause);
    this.#pause(conversation, pause);
  }

  async #onFailedTry(
    conversation: ActiveConversation,
    state: ConversationState,
    inputs: readonly Waiting[],
    error: HoldfastError,
  ): Promise<void> {
    const head = inputs[0];
    if (!head) return;
    const count = triesOf(state, head) + (isCountedBefore(conversation, head) ? 0 : 1);
    if (count >= limits.turnAttempts) {
      await this.#giveUp(conversation, state, inputs, error);
      return;
    }
    await this.#write(conversation, state, {
      t: "attempt",
      c: conversation.key,
      at: head.at,
      count,
    });
    this.#pause(conversation, this.#backoff(count));
  }

  /** Full jitter over an exponential bound. */
  #backoff(failures: number): number {
    const bound = limits.turnRetryMinMs * 2 ** Math.min(failures, 16);
    return Math.ceil(
      Math.min(limits.turnRetryMaxMs, bound) * (0.5 + this.#services.random.next() / 2),
    );
  }

  /**
   * Journals that the tries are used up, then writes the dead letters, then takes the messages out of the
   * inbox. So whoever goes on after a crash in between gives up too, and a deposed owner writes no letter.
   */
  async #giveUp(
    conversation: ActiveConversation,
    state: ConversationState,
    inputs: readonly Waiting[],
    error: HoldfastError,
  ): Promise<void> {
    const [head] = inputs;
    if (head && !conversation.ephemeral) {
      const { deadLetters, clock } = this.#services;
      await deadLetters.ensureRoom(conversation.ref.organization, inputs.length, clock.now());
      if (triesOf(state, head) < limits.turnAttempts) {
        await this.#write(conversation, state, {
          t: "attempt",
          c: conversation.key,
          at: head.at,
          count: limits.turnAttempts,
        });
      }
      for (const { message } of inputs) {
        await this.#services.deadLetters.add({
          id: message.id,
          message,
          code: error.code,
          reason: error.message,
          attempts: Math.max(conversation.failures, inputs[0] ? triesOf(state, inputs[0]) : 0),
          at: this.#services.clock.now(),
        });
      }
    }
    const entry = {
      t: "dropped" as const,
      c: conversation.key,
      inputs: handledInputs(conversation, inputs),
    };
    const sequence = await this.#journal.append(entry);
    applyEntry(state, entry, sequence);
    this.#finishInputs(conversation, inputs, sequence, !conversation.ephemeral);
    this.#emitFailure(conversation, inputs, error, undefined);
  }

  #emitFailure(
    conversation: ActiveConversation,
    inputs: readonly Waiting[],
    error: HoldfastError,
    retryAfterMs: number | undefined,
  ): void {
    this.#tell(conversation, inputs, {
      type: "failed",
      inputs: inputs.map(({ message }) => message.id),
      code: error.code,
      message: error.message,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      final: retryAfterMs === undefined,
    });
  }
}

/** Steps of a turn that are durable. */
function stepsOf({ openTurn }: ConversationState, id: TurnId): readonly Step[] {
  return openTurn?.id === id ? openTurn.steps : [];
}

/** Tries of a message that were counted in the journal. */
function triesOf(state: ConversationState, { at }: Waiting): number {
  return state.attempts?.at === at ? state.attempts.count : 0;
}

/** A new reference to the chat alone: the files were for the question. */
function withoutMedia({ media: _, ...to }: MessageSource): MessageSource {
  return to;
}

function userMessages(
  state: ConversationState,
  message: InboundMessage,
  turn: TurnId,
): readonly UnindexedMessage[] {
  const { id, content, receivedAt: at } = message;
  switch (content.type) {
    case "text":
      return [{ id, turn, at, role: "user", text: content.text }];
    case "blob":
      return [{ id, turn, at, role: "user", text: "", blob: content.blob }];
    case "tool-results":
      return content.results.map(({ toolCallId, text }, number) => ({
        id: number === 0 ? id : (`${id}.${number}` as MessageId),
        turn,
        at,
        role: "tool",
        text,
        toolCallId,
        toolName: calledName({ history: state.tail }, message.options, toolCallId),
      }));
    case "notice":
    case "delivery":
      return [];
  }
}

const outages: ReadonlySet<string> = new Set([
  "model_unavailable",
  "model_rate_limited",
  "model_timeout",
  "engine_unavailable",
  "append_outcome_unknown",
  "storage_full",
  "node_busy",
]);

function isOutage({ code }: HoldfastError): boolean {
  return outages.has(code);
}

/** The first try of a recovered message was counted when it began. */
function isCountedBefore({ failures }: ActiveConversation, head: Waiting): boolean {
  return head.recovered && failures === 1;
}
