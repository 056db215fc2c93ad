import { invariant } from "../errors.ts";
import type { MessageId, TurnId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { DeliveryNews, MessageSource } from "../deliveries.ts";
import type { FinishReason, StoredMessage, TurnOutcome } from "../messages.ts";
import type { ToolCall, Usage } from "../ports/model.ts";
import {
  addOutgoing,
  applyNews,
  applySend,
  applySent,
  newOutbox,
  type Outbox,
  type OutboxEntry,
} from "./outbox.ts";

/** What the journal says. `c` is the conversation's key; positions are those of `records.ts`. */
export type ConversationEntry =
  | StepEntry
  | AttemptEntry
  | TurnEntry
  | DroppedEntry
  | NoticeEntry
  | NewsEntry
  | OutboxEntry;
export type JournalEntry = ConversationEntry | OpenedEntry | ProbeEntry;

/** Shows that the owner can write. */
interface ProbeEntry {
  readonly t: "probe";
}

interface OpenedEntry {
  readonly t: "opened";
  readonly epoch: number;
  readonly node: string;
}

/** A finished step of a turn that goes on. */
interface StepEntry {
  readonly t: "step";
  readonly c: string;
  readonly turn: TurnId;
  /** Positions of the turn's inputs, so that a resumed turn handles the same ones. */
  readonly inputs: readonly number[];
  readonly step: Step;
}

/** A try of the message at `at` that failed, or that begins after a crash. */
interface AttemptEntry {
  readonly t: "attempt";
  readonly c: string;
  readonly at: number;
  readonly count: number;
}

/**
 * A finished turn: progress, history and effects in one. The steps before the last stand in the journal
 * already; only the inputs and the last answer are new.
 */
interface TurnEntry {
  readonly t: "turn";
  readonly c: string;
  readonly turn: TurnId;
  readonly inputs: readonly HandledInput[];
  readonly user: readonly UnindexedMessage[];
  readonly answer: ModelStep;
  /** The answer's text, when it is so long that it stands in the blob store. */
  readonly blob?: string;
  readonly at: number;
  /** The chat that the answer goes to. */
  readonly to?: MessageSource;
}

/** A text for the chat that no turn made. */
interface NoticeEntry {
  readonly t: "notice";
  readonly c: string;
  readonly inputs: readonly HandledInput[];
  readonly to: MessageSource;
  readonly text: string;
  readonly at: number;
}

/** What became of an outgoing message. */
interface NewsEntry {
  readonly t: "news";
  readonly c: string;
  readonly inputs: readonly HandledInput[];
  readonly news: DeliveryNews;
}

/** Inputs that are done without a turn: dead-lettered, or a stateless call that failed. */
interface DroppedEntry {
  readonly t: "dropped";
  readonly c: string;
  readonly inputs: readonly HandledInput[];
}

export interface HandledInput {
  readonly id: MessageId;
  readonly at: number;
  readonly fingerprint?: string;
  /** A message that was accepted before it is still to be handled. */
  readonly early?: true;
}

export type UnindexedMessage = Omit<StoredMessage, "index">;

export type Step = ModelStep | ToolStep;

export interface ModelStep {
  readonly kind: "model";
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finish: FinishReason;
  readonly usage: Usage;
  readonly model: string;
}

export interface ToolStep {
  readonly kind: "tool";
  readonly callId: string;
  readonly name: string;
  readonly text: string;
  readonly isError: boolean;
}

export interface OpenTurn {
  readonly id: TurnId;
  readonly inputs: readonly number[];
  readonly steps: Step[];
}

/** What is remembered of a handled input: its content's hash and where it stands in the history. */
export interface SeenInput {
  readonly fingerprint: string;
  /** -1 when it was dropped. */
  readonly index: number;
}

/** A conversation at a journal sequence. */
export interface ConversationState {
  /** Position of the newest handled input. Order is strict, so everything before it is done too. */
  handled: number;
  /** Index that the next history message gets. */
  next: number;
  /** The newest messages; older ones stand in history pages. */
  tail: StoredMessage[];
  tailChars: number;
  /** How many messages of the tail have their text in the blob store. */
  tailBlobs: number;
  readonly seen: Map<string, SeenInput>;
  openTurn: OpenTurn | undefined;
  attempts: { readonly at: number; readonly count: number } | undefined;
  /** Undefined as long as nothing ever left through a channel. */
  outbox: Outbox | undefined;
  /** Journal sequence of the newest entry in this state. */
  journaled: number;
  /** Where its checkpoint stands when that is large; replaced, the blob is deleted. */
  checkpointBlob: string | undefined;
}

export function newConversation(): ConversationState {
  return {
    handled: 0,
    next: 0,
    tail: [],
    tailChars: 0,
    tailBlobs: 0,
    seen: new Map(),
    openTurn: undefined,
    attempts: undefined,
    outbox: undefined,
    journaled: 0,
    checkpointBlob: undefined,
  };
}

/**
 * Applies one journal entry. An entry that the state already holds (its checkpoint is newer) changes
 * nothing. Returns the history messages that the entry added.
 */
export function applyEntry(
  state: ConversationState,
  entry: ConversationEntry,
  sequence: number,
): readonly StoredMessage[] {
  if (sequence < state.journaled) return [];
  state.journaled = sequence;
  switch (entry.t) {
    case "step":
      if (state.openTurn?.id === entry.turn) state.openTurn.steps.push(entry.step);
      else state.openTurn = { id: entry.turn, inputs: entry.inputs, steps: [entry.step] };
      return [];
    case "attempt":
      state.attempts = { at: entry.at, count: entry.count };
      return [];
    case "turn":
      return finishTurn(state, entry);
    case "dropped":
      for (const input of entry.inputs) remember(state, input, -1);
      closeInputs(state, entry.inputs);
      return [];
    case "notice": {
      const [input] = entry.inputs;
      addOutgoing(outboxOf(state), {
        id: input?.id ?? "",
        to: entry.to,
        text: entry.text,
        at: entry.at,
      });
      for (const each of entry.inputs) remember(state, each, -1);
      closeInputs(state, entry.inputs);
      return [];
    }
    case "news":
      // Taken twice, by versions that looked for repeats too late.
      if (entry.inputs.every(({ at }) => at <= state.handled)) return [];
      applyNews(outboxOf(state), entry.news);
      // Receipts may be applied twice: they need no place among what is remembered.
      if (entry.news.type !== "receipt")
        for (const input of entry.inputs) remember(state, input, -1);
      passInputs(state, entry.inputs);
      return [];
    case "send":
      applySend(outboxOf(state), entry);
      return [];
    case "sent":
      applySent(outboxOf(state), entry);
      return [];
    case "carry":
      return [];
  }
}

function outboxOf(state: ConversationState): Outbox {
  state.outbox ??= newOutbox();
  return state.outbox;
}

function finishTurn(state: ConversationState, entry: TurnEntry): readonly StoredMessage[] {
  const added = turnMessages(state, entry).map((message, offset) => ({
    ...message,
    index: state.next + offset,
  }));
  entry.inputs.forEach((input) => {
    const index = added.find((message) => message.id === input.id)?.index ?? -1;
    remember(state, input, index);
  });
  for (const message of added) {
    state.tail.push(message);
    state.tailChars += message.text.length;
    if (message.blob !== undefined) state.tailBlobs += 1;
  }
  state.next += added.length;
  if (entry.to && entry.answer.text !== "") {
    const { turn: id, to, at, blob, answer } = entry;
    addOutgoing(outboxOf(state), {
      id,
      to,
      text: answer.text,
      at,
      ...(blob !== undefined && { blob }),
    });
  }
  closeInputs(state, entry.inputs);
  return added;
}

/** Inputs, then what the finished steps said, then the answer. */
function turnMessages(state: ConversationState, entry: TurnEntry): UnindexedMessage[] {
  const steps = state.openTurn?.id === entry.turn ? state.openTurn.steps : [];
  const { turn, at, answer, blob } = entry;
  const said = [...steps, answer].map((step, number): UnindexedMessage => {
    const common = { id: flatString(turn, String(number)) as MessageId, turn, at, text: step.text };
    if (step.kind === "tool") {
      return {
        ...common,
        role: "tool",
        toolCallId: step.callId,
        toolName: step.name,
        ...(step.isError && { isError: true }),
      };
    }
    return {
      ...common,
      role: "assistant",
      ...(step.toolCalls.length > 0 && { toolCalls: step.toolCalls }),
      ...(step === answer && { outcome: newOutcome(steps, answer) }),
      ...(step === answer && blob !== undefined && { blob }),
    };
  });
  return [...entry.user, ...said];
}

function newOutcome(steps: readonly Step[], answer: ModelStep): TurnOutcome {
  let inputTokens = 0;
  let outputTokens = 0;
  for (const step of [...steps, answer]) {
    if (step.kind !== "model") continue;
    inputTokens += step.usage.inputTokens;
    outputTokens += step.usage.outputTokens;
  }
  return { finish: answer.finish, usage: { inputTokens, outputTokens }, model: answer.model };
}

function closeInputs(state: ConversationState, inputs: readonly HandledInput[]): void {
  passInputs(state, inputs);
  state.openTurn = undefined;
  state.attempts = undefined;
}

/** News leaves a turn that is going on as it is. */
function passInputs(state: ConversationState, inputs: readonly HandledInput[]): void {
  let handled = state.handled;
  for (const { at, early } of inputs) {
    invariant(at > state.handled, "inputs of a conversation are handled each once");
    // Until then it is known as handled by its id alone.
    if (!early) handled = Math.max(handled, at);
  }
  state.handled = handled;
}

function remember(state: ConversationState, input: HandledInput, index: number): void {
  state.seen.set(input.id, { fingerprint: input.fingerprint ?? "", index });
  if (state.seen.size > limits.dedupeKeysPerConversation) {
    for (const oldest of state.seen.keys()) {
      state.seen.delete(oldest);
      break;
    }
  }
}

/**
 * Takes the messages before `index` out of the tail: they stand in a history page now. A turn that reads the
 * tail as it was goes on with that.
 */
export function forgetBefore(state: ConversationState, index: number): void {
  const first = state.tail.findIndex((message) => message.index >= index);
  const count = first < 0 ? state.tail.length : first;
  const removed = state.tail.slice(0, count);
  state.tail = state.tail.slice(count);
  for (const message of removed) {
    state.tailChars -= message.text.length;
    if (message.blob !== undefined) state.tailBlobs -= 1;
  }
}

/** The outcome that a turn's last message carries. */
export function outcomeOf(messages: readonly StoredMessage[]): TurnOutcome {
  const outcome = messages.at(-1)?.outcome;
  invariant(outcome, "a finished turn ends with its outcome");
  return outcome;
}

/**
 * The words with dots between, in one piece: what a template makes of long words keeps a second object
 * beside the characters for as long as it lives, and these live as long as their conversation.
 */
export function flatString(...words: readonly string[]): string {
  return words.join(".");
}
