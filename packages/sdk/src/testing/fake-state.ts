import type {
  ConversationEvent,
  DeadLetter,
  MessageId,
  Resource,
  StoredMessage,
  TurnId,
} from "@holdfast/core";
import type { JoinTokenInfo } from "../cluster.ts";
import { createFakeChannels, type FakeChannels } from "./fake-channels.ts";
import { createFakeCluster, type FakeCluster } from "./fake-cluster.ts";

export interface FakeState {
  /** By `Kind/organization/name`. */
  readonly resources: Map<string, Resource>;
  /** By `organization/agent/conversation`. */
  readonly conversations: Map<string, FakeConversation>;
  readonly deadLetters: DeadLetter[];
  readonly tokens: { id: string; name: string; organization?: string; createdAt: number }[];
  readonly joinTokens: JoinTokenInfo[];
  ready: boolean;
  /** What the node's check of its engine is called. */
  engineCheck: string;
  /** What the agents answer. */
  answer: (text: string) => string;
  /** Answers wait for this before they are committed. */
  gate: Promise<void>;
  /** Whether a wait ends with `wait_timeout`. */
  waitTimesOut: boolean;
  readonly cluster: FakeCluster;
  readonly channels: FakeChannels;
}

export interface FakeConversation {
  readonly messages: StoredMessage[];
  readonly keys: Map<string, { id: string; text: string }>;
  readonly listeners: Set<(event: ConversationEvent) => void>;
  readonly answers: Map<string, Promise<ConversationEvent & { type: "committed" }>>;
}

export function createFakeState(): FakeState {
  return {
    resources: new Map(),
    conversations: new Map(),
    deadLetters: [],
    tokens: [],
    joinTokens: [],
    ready: true,
    engineCheck: "engine",
    answer: (text) => `You said: ${text}`,
    gate: Promise.resolve(),
    waitTimesOut: false,
    cluster: createFakeCluster(),
    channels: createFakeChannels(),
  };
}

export function conversationOf(state: FakeState, key: string): FakeConversation {
  let found = state.conversations.get(key);
  if (!found) {
    found = { messages: [], keys: new Map(), listeners: new Set(), answers: new Map() };
    state.conversations.set(key, found);
  }
  return found;
}

/** Accepts a message and begins its turn. */
export function accept(
  state: FakeState,
  conversation: FakeConversation,
  text: string,
  key: string | undefined,
): { id: string; duplicate: boolean } {
  const known = key === undefined ? undefined : conversation.keys.get(key);
  if (known) return { id: known.id, duplicate: true };
  const id = `message-${conversation.answers.size + 1}`;
  if (key !== undefined) conversation.keys.set(key, { id, text });
  const previous = [...conversation.answers.values()].at(-1);
  conversation.answers.set(id, answerAfter(state, conversation, { id, text }, previous));
  return { id, duplicate: false };
}

async function answerAfter(
  state: FakeState,
  conversation: FakeConversation,
  input: { id: string; text: string },
  previous: Promise<unknown> | undefined,
): Promise<ConversationEvent & { type: "committed" }> {
  await previous;
  const turn = `turn-${input.id}` as TurnId;
  const id = input.id as MessageId;
  const emit = (event: ConversationEvent) => {
    for (const listen of conversation.listeners) listen(event);
  };
  const reply = state.answer(input.text);
  const half = Math.ceil(reply.length / 2);
  emit({ type: "started", turn, inputs: [id] });
  emit({ type: "delta", turn, text: reply.slice(0, half) });
  await state.gate;
  emit({ type: "delta", turn, text: reply.slice(half) });
  const next = conversation.messages.length;
  const at = 1_700_000_000_000 + next;
  conversation.messages.push(
    { index: next, id, role: "user", text: input.text, at, turn },
    { index: next + 1, id: `${turn}-1` as MessageId, role: "assistant", text: reply, at, turn },
  );
  const committed = {
    type: "committed",
    turn,
    inputs: [id],
    messages: conversation.messages.slice(-2),
    finish: "stop",
    usage: { inputTokens: 1, outputTokens: 2 },
    model: "demo/demo",
  } as const;
  emit(committed);
  return committed;
}
