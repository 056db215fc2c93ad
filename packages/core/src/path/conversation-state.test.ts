import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MessageId, TurnId } from "../ids.ts";
import { limits } from "../limits.ts";
import {
  applyEntry,
  type ConversationEntry,
  type ConversationState,
  forgetBefore,
  type ModelStep,
  newConversation,
} from "./conversation-state.ts";

const answer = (text: string): ModelStep => ({
  kind: "model",
  text,
  toolCalls: [],
  finish: "stop",
  usage: { inputTokens: 1, outputTokens: 1 },
  model: "m",
});

function turn(number: number, inputs: readonly number[] = [number]): ConversationEntry {
  return {
    t: "turn",
    c: "acme/echo/c1",
    turn: `t.${number}` as TurnId,
    inputs: inputs.map((at) => ({ id: `m${at}` as MessageId, at, fingerprint: `f${at}` })),
    user: inputs.map((at) => ({
      id: `m${at}` as MessageId,
      turn: `t.${number}` as TurnId,
      role: "user" as const,
      text: `text ${at}`,
      at,
    })),
    answer: answer(`answer ${number}`),
    at: number,
  };
}

const step = (number: number): ConversationEntry => ({
  t: "step",
  c: "acme/echo/c1",
  turn: `t.${number}` as TurnId,
  inputs: [number],
  step: { kind: "tool", callId: `call-${number}`, name: "pay", text: "paid", isError: false },
});

const attempt = (at: number, count: number): ConversationEntry => ({
  t: "attempt",
  c: "acme/echo/c1",
  at,
  count,
});

const dropped = (at: number): ConversationEntry => ({
  t: "dropped",
  c: "acme/echo/c1",
  inputs: [{ id: `m${at}` as MessageId, at, fingerprint: `f${at}` }],
});

function applied(entries: readonly (readonly [number, ConversationEntry])[]): ConversationState {
  const state = newConversation();
  for (const [sequence, entry] of entries) applyEntry(state, entry, sequence);
  return state;
}

/** A journal of one conversation: each message with some failed tries, then an answer or the end. */
const journals = fc
  .array(fc.constantFrom("answered", "stepped", "failed", "dropped"), { maxLength: 30 })
  .map((fates) =>
    fates
      .flatMap((fate, number): ConversationEntry[] => {
        const at = number + 1;
        if (fate === "dropped") return [attempt(at, 5), dropped(at)];
        if (fate === "stepped") return [step(at), turn(at)];
        return fate === "failed" ? [attempt(at, 1), turn(at)] : [turn(at)];
      })
      .map((entry, place) => [place + 1, entry] as const),
  );

describe("a conversation's state", () => {
  test("is the same however often its journal is applied over it", () => {
    fc.assert(
      fc.property(journals, fc.nat(30), (journal, saved) => {
        const whole = applied(journal);
        // A checkpoint of the first entries, then a recovery that reads the journal from further back.
        const state = applied(journal.slice(0, saved));
        const covered = state.journaled;
        for (const [sequence, entry] of journal) {
          if (sequence > covered) applyEntry(state, entry, sequence);
        }
        expect(state).toEqual(whole);
        for (const [sequence, entry] of journal.slice(0, -1)) applyEntry(state, entry, sequence);
        expect(state).toEqual(whole);
      }),
    );
  });

  test("numbers its messages without gaps", () => {
    fc.assert(
      fc.property(journals, (journal) => {
        const { tail, next, tailChars } = applied(journal);
        expect(tail.map(({ index }) => index)).toEqual(tail.map((_, place) => place));
        expect(next).toBe(tail.length);
        expect(tailChars).toBe(tail.reduce((sum, { text }) => sum + text.length, 0));
      }),
    );
  });

  test("puts the finished steps between the inputs and the answer", () => {
    const { tail, openTurn } = applied([
      [1, step(1)],
      [2, turn(1)],
    ]);
    expect(tail.map(({ role, text }) => `${role}: ${text}`)).toEqual([
      "user: text 1",
      "tool: paid",
      "assistant: answer 1",
    ]);
    expect(openTurn).toBeUndefined();
  });

  test("remembers keys where they stand, and -1 for what was dropped", () => {
    const { seen } = applied([
      [1, turn(1)],
      [2, dropped(2)],
      [3, turn(3, [3, 4])],
    ]);
    expect([...seen].map(([id, { index }]) => [id, index])).toEqual([
      ["m1", 0],
      ["m2", -1],
      ["m3", 2],
      ["m4", 3],
    ]);
  });

  test("forgets the oldest keys over the limit", () => {
    const count = limits.dedupeKeysPerConversation + 5;
    const { seen } = applied(
      Array.from({ length: count }, (_, n) => [n + 1, turn(n + 1)] as const),
    );
    expect(seen.size).toBe(limits.dedupeKeysPerConversation);
    expect(seen.has("m5")).toBe(false);
    expect(seen.has(`m${count}`)).toBe(true);
  });

  test("refuses an input that was handled before", () => {
    const state = applied([[1, turn(7)]]);
    expect(() => applyEntry(state, turn(7), 2)).toThrow(/handled each once/);
  });

  test("takes news once that stand in the journal twice", () => {
    const news: ConversationEntry = {
      t: "news",
      c: "acme/echo/c1",
      inputs: [{ id: "m3" as MessageId, at: 3 }],
      news: { type: "discard", id: "t.1", at: 1 },
    };
    const state = applied([
      [1, news],
      [2, turn(7)],
      [3, news],
    ]);
    expect([state.handled, state.journaled]).toEqual([7, 3]);
  });

  test("leaves the tail as it was to who reads it while messages are forgotten", () => {
    const state = applied([1, 2, 3].map((n) => [n, turn(n)] as const));
    const { tail } = state;
    forgetBefore(state, 4);
    expect(tail).toHaveLength(6);
    expect(state.tail).toHaveLength(2);
  });

  test("forgets messages only before the index", () => {
    const state = applied([1, 2, 3].map((n) => [n, turn(n)] as const));
    forgetBefore(state, 4);
    expect(state.tail.map(({ index }) => index)).toEqual([4, 5]);
    expect(state.tailChars).toBe("text 3answer 3".length);
    forgetBefore(state, 100);
    expect([state.tail, state.tailChars, state.next]).toEqual([[], 0, 6]);
  });
});
