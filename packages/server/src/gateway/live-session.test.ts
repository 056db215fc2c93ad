import {
  type AgentName,
  type ConversationEvent,
  type ConversationId,
  type MessageId,
  type OrganizationName,
  type StoredMessage,
  type TurnId,
} from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, it } from "vitest";
import { MemoryConversations } from "../http/testing/memory-conversations.ts";
import { gatewayLimits } from "./limits.ts";
import { LiveSession } from "./live-session.ts";
import type { SessionEvent } from "./run.ts";
import { giveShortPages } from "./testing/short-pages.ts";

const ref = {
  organization: "demo" as OrganizationName,
  agent: "greeter" as AgentName,
  conversation: "main" as ConversationId,
};
const turn = "t1" as TurnId;
const input = "m1" as MessageId;
const usage = { inputTokens: 1, outputTokens: 2 };
const outcome = { finish: "stop", usage, model: "demo/rules" } as const;
const messages: StoredMessage[] = [
  { index: 0, id: input, role: "user", text: "hi", at: 1, turn },
  { index: 1, id: input, role: "assistant", text: "hello", at: 2, turn, outcome },
];
const committed = {
  type: "committed" as const,
  turn,
  inputs: [input],
  messages,
  ...outcome,
};

function open() {
  const clock = createVirtualClock();
  const conversations = new MemoryConversations();
  const told: SessionEvent[] = [];
  const state = { idle: 0, looks: 0, history: [] as StoredMessage[] };
  conversations.history = async (_, { after, limit }) => {
    state.looks += 1;
    return {
      messages: state.history.slice(after + 1, after + 1 + limit),
      newest: state.history.length - 1,
    };
  };
  const session = new LiveSession({
    ref,
    conversations,
    clock,
    report: () => undefined,
    runIdOf: () => undefined,
    onIdle: () => (state.idle += 1),
    onActivity: () => undefined,
  });
  const stop = session.listen((_, event) => told.push(event));
  const emit = (event: ConversationEvent) => conversations.emit(ref, event);
  const states = () => told.flatMap(({ payload }) => payload.state ?? []);
  return { clock, conversations, session, told, state, stop, emit, states };
}

it("ends a run of another node whose end got lost, as the history tells it", async () => {
  const { clock, emit, states, state, told } = open();
  emit({ type: "started", turn, inputs: [input] });
  await clock.advance(3 * gatewayLimits.lookMs);
  expect(states()).toEqual([]);
  state.history = messages;
  await clock.advance(2 * gatewayLimits.lookMs);
  expect(states()).toEqual(["final"]);
  expect(told.find(({ payload }) => payload.state === "final")?.payload.message).toMatchObject({
    content: [{ type: "text", text: "hello" }],
  });
  // What was only late says nothing new.
  emit(committed);
  expect(states()).toEqual(["final"]);
});

it("takes the end of a commit that was too large for the way not for the whole answer", async () => {
  const { clock, emit, states, state, told } = open();
  const parts: StoredMessage[] = [
    { index: 0, id: input, role: "user", text: "hi", at: 1, turn },
    { index: 1, id: "t1.0" as MessageId, role: "assistant", text: "first ", at: 2, turn },
    { index: 2, id: "t1.1" as MessageId, role: "assistant", text: "last", at: 2, turn, outcome },
  ];
  emit({ type: "started", turn, inputs: [input] });
  state.history = parts;
  emit({ ...committed, messages: parts.slice(2) });
  expect(states()).toEqual([]);
  await clock.advance(3 * gatewayLimits.lookMs);
  expect(states()).toEqual(["final"]);
  const { payload } = told.find((each) => each.payload.state === "final") ?? {};
  expect(JSON.stringify(payload?.message)).toContain("first");
});

it("finds the end of a lost run behind messages that fill the owner's answers", async () => {
  const { clock, conversations, emit, states, state } = open();
  giveShortPages(conversations, 3);
  emit({ type: "started", turn, inputs: [input] });
  const before = Array.from({ length: 7 }, (_, index): StoredMessage => {
    const id = `old${index}` as MessageId;
    return { index, id, role: "user", text: "before", at: 1, turn: "t0" as TurnId };
  });
  state.history = [...before, ...messages.map((each) => ({ ...each, index: 7 + each.index }))];
  await clock.advance(2 * gatewayLimits.lookMs);
  expect(states()).toEqual(["final"]);
});

it("gives up a run of which nothing is heard, and looks ever more rarely until then", async () => {
  const { clock, emit, states, state, told, session } = open();
  emit({ type: "started", turn, inputs: [input] });
  await clock.advance(2 * gatewayLimits.runMs);
  expect(states()).toEqual(["error"]);
  const end = told.find(({ payload }) => payload.state === "error");
  expect(end?.payload).toMatchObject({ errorKind: "timeout" });
  expect(session.runs).toEqual([]);
  expect(state.looks).toBe(gatewayLimits.silentLooks);
});

it("looks soon again for a run that was heard of after a long silence", async () => {
  const { clock, emit, states, state } = open();
  emit({ type: "started", turn, inputs: [input] });
  for (let count = 0; count < 4; count += 1) {
    await clock.advance(gatewayLimits.runMs / 2);
    emit({ type: "tool", turn, name: "slow", state: "running" });
  }
  expect(states()).toEqual([]);
  state.history = messages;
  await clock.advance(2 * gatewayLimits.lookMs);
  expect(states()).toEqual(["final"]);
});

it("tells of an own run once, however its events come", async () => {
  const { session, emit, states, clock } = open();
  const run = await session.open("k1", async () => {
    emit({ type: "started", turn, inputs: [input] });
    emit({ type: "delta", turn, text: "hel" });
    return input;
  });
  emit({ type: "delta", turn, text: "lo" });
  session.take(run, { type: "started", turn, inputs: [input] });
  session.take(run, { type: "delta", turn, text: "hello" });
  await clock.advance(1_000);
  emit(committed);
  session.take(run, committed);
  await run.ended;
  emit(committed);
  emit({ type: "delta", turn, text: "late" });
  await clock.advance(1_000);
  expect(states()).toEqual(["delta", "final"]);
});

it("gives a turn's text once where it answers several messages", async () => {
  const { session, told } = open();
  const second = "m2" as MessageId;
  const runs = [
    await session.open("k1", async () => input),
    await session.open("k2", async () => second),
  ];
  const end: ConversationEvent = { ...committed, inputs: [input, second] };
  for (const run of runs) session.take(run, { type: "started", turn, inputs: [input, second] });
  for (const run of runs) session.take(run, end);
  const finals = told.filter(({ payload }) => payload.state === "final");
  expect(finals.map(({ payload }) => [payload.runId, payload.message !== undefined])).toEqual([
    ["k1", true],
    ["k2", false],
  ]);
});

it("begins its text anew when a turn is tried again", async () => {
  const { session, told, clock } = open();
  const run = await session.open("k1", async () => input);
  for (const text of ["first try", "second"]) {
    session.take(run, { type: "started", turn, inputs: [input] });
    session.take(run, { type: "delta", turn, text });
    await clock.advance(1_000);
  }
  const deltas = told.filter(({ payload }) => payload.state === "delta");
  expect(deltas.map(({ payload }) => [payload.deltaText, payload.replace])).toEqual([
    ["first try", undefined],
    ["second", true],
  ]);
});

it("leaves a turn's text to the runs that have not ended", async () => {
  const { session, told } = open();
  const second = "m2" as MessageId;
  const ended = await session.open("k1", async () => input);
  const run = await session.open("k2", async () => second);
  const started: ConversationEvent = { type: "started", turn, inputs: [input, second] };
  ended.end({ status: "aborted" });
  await ended.ended;
  session.take(ended, started);
  session.take(run, started);
  session.take(run, { ...committed, inputs: [input, second] });
  const final = told.find(({ payload }) => payload.state === "final");
  expect(final?.payload).toMatchObject({ runId: "k2", message: expect.anything() });
});

it("is idle when its client left before its message was refused", async () => {
  const { session, stop, state } = open();
  const refused = session.open("k1", async () => {
    stop();
    throw new Error("refused");
  });
  await expect(refused).rejects.toThrow("refused");
  expect(state.idle).toBe(1);
});

it("is idle when its client ended its run, and left, before the message was accepted", async () => {
  const { session, stop, state } = open();
  await session.open("k1", async () => {
    for (const run of session.runs) run.end({ status: "aborted" });
    stop();
    return input;
  });
  expect(state.idle).toBe(1);
});

it("lets no run lead a turn that was ended while its message was accepted", async () => {
  const { session, emit, told } = open();
  await session.open("k1", async () => {
    for (const run of session.runs) run.end({ status: "aborted" });
    return input;
  });
  await Promise.resolve();
  emit({ type: "started", turn, inputs: [input] });
  const next = await session.open("k2", async () => "m2" as MessageId);
  const both = { inputs: [input, "m2" as MessageId] };
  session.take(next, { type: "started", turn, ...both });
  session.take(next, { ...committed, ...both });
  const final = told.find(({ payload }) => payload.state === "final");
  expect(final?.payload).toMatchObject({ runId: "k2", message: expect.anything() });
});

it("is idle when nobody follows it and nothing runs", async () => {
  const { session, stop, state } = open();
  const run = await session.open("k1", async () => input);
  stop();
  expect(state.idle).toBe(0);
  session.take(run, committed);
  await run.ended;
  await Promise.resolve();
  expect(state.idle).toBe(1);
});
