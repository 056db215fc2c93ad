import { describe, expect, test } from "vitest";
import type { MessageId, TurnId } from "../ids.ts";
import type { StoredMessage } from "../messages.ts";
import { type ConversationState, forgetBefore, newConversation } from "./conversation-state.ts";
import { endOfHandled } from "./repeats.ts";

const id = "m1" as MessageId;

function answered(): ConversationState {
  const state = newConversation();
  const turn = "t.m1" as TurnId;
  const outcome = {
    finish: "stop",
    usage: { inputTokens: 1, outputTokens: 1 },
    model: "demo/echo",
  } as const;
  const messages: StoredMessage[] = [
    { id, turn, index: 0, at: 0, role: "user", text: "hello" },
    { id: "t.m1.0" as MessageId, turn, index: 1, at: 0, role: "assistant", text: "hi", outcome },
  ];
  state.tail.push(...messages);
  state.next = 2;
  state.seen.set(id, { fingerprint: "", index: 0 });
  return state;
}

describe("the end of a message that was handled before", () => {
  test("is its turn's, when the memory holds that", () => {
    expect(endOfHandled(answered(), { id })).toMatchObject({
      type: "committed",
      turn: "t.m1",
      inputs: [id],
      messages: [{ text: "hello" }, { text: "hi" }],
      finish: "stop",
    });
  });

  test("sends to the history for what was sealed, cut or forgotten", () => {
    const toHistory = { type: "failed", code: "wait_timeout", final: false };
    const sealed = answered();
    forgetBefore(sealed, 2);
    expect(endOfHandled(sealed, { id })).toMatchObject(toHistory);
    const cut = answered();
    cut.tail[1] = { ...cut.tail[1]!, blob: "answer.t.m1" };
    expect(endOfHandled(cut, { id })).toMatchObject(toHistory);
    expect(endOfHandled(newConversation(), { id })).toMatchObject(toHistory);
  });

  test("says that another content took effect under its key", () => {
    const repeat = { id, fingerprint: "another" };
    expect(endOfHandled(answered(), repeat)).toMatchObject({
      code: "idempotency_conflict",
      final: true,
    });
  });

  test("says that it was dead-lettered", () => {
    const state = newConversation();
    state.seen.set(id, { fingerprint: "", index: -1 });
    expect(endOfHandled(state, { id })).toMatchObject({ code: "dead_lettered", final: true });
  });
});
