import { describe, expect, test } from "vitest";
import type { MessageId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { InboundMessage } from "../messages.ts";
import { type ConversationState, newConversation } from "./conversation-state.ts";
import { Mailbox, type Waiting } from "./mailbox.ts";

function waiting(at: number, id = `m${at}`, more: Partial<InboundMessage> = {}): Waiting {
  const message = { id, content: { type: "text", text: id }, depth: 0, ...more } as InboundMessage;
  return { message, at, recovered: false };
}

function mailboxOf(...all: readonly Waiting[]): Mailbox {
  const mailbox = new Mailbox();
  for (const each of all) mailbox.add(each);
  return mailbox;
}

const idsOf = (all: readonly Waiting[]) => all.map(({ message }) => message.id as string);

function stateWith(more: Partial<ConversationState>): ConversationState {
  return { ...newConversation(), ...more };
}

describe("a mailbox", () => {
  test("takes a repeat of what waits only once, and again when that is gone", () => {
    const mailbox = mailboxOf(waiting(1, "a"));
    expect(mailbox.add(waiting(2, "a"))).toBe(false);
    expect(mailbox.size).toBe(1);
    mailbox.remove(mailbox.all.slice(0, 1));
    expect(mailbox.add(waiting(3, "a"))).toBe(true);
  });

  test("drops what was handled before, also behind what was not", () => {
    const seen = new Map([["b", { fingerprint: "", index: 0 }]]);
    const mailbox = mailboxOf(waiting(3, "a"), waiting(5, "x"), waiting(6, "b"), waiting(7, "y"));
    expect(idsOf(mailbox.dropHandled(stateWith({ handled: 4, seen })))).toEqual(["a", "b"]);
    expect(idsOf(mailbox.nextInputs(newConversation(), "collect"))).toEqual(["x", "y"]);
    expect(mailbox.add(waiting(8, "b"))).toBe(true);
  });

  test("gives one message to follow up, and all plain ones to collect", () => {
    const mailbox = mailboxOf(waiting(1), waiting(2), waiting(3));
    expect(idsOf(mailbox.nextInputs(newConversation(), "followup"))).toEqual(["m1"]);
    expect(idsOf(mailbox.nextInputs(newConversation(), "collect"))).toEqual(["m1", "m2", "m3"]);
    expect(mailboxOf().nextInputs(newConversation(), "collect")).toEqual([]);
  });

  test("collects no message with options, wherever they stand, and nothing behind it", () => {
    for (const more of [{ options: { instructions: "x" } }, { optionsBlob: "options.m2" }]) {
      const mailbox = mailboxOf(waiting(1), waiting(2, "m2", more), waiting(3));
      expect(idsOf(mailbox.nextInputs(newConversation(), "collect"))).toEqual(["m1"]);
      mailbox.remove(mailbox.all.slice(0, 1));
      expect(idsOf(mailbox.nextInputs(newConversation(), "collect"))).toEqual(["m2"]);
    }
  });

  test("collects no more text than one record takes", () => {
    const text = "x".repeat(Math.floor(limits.inlinePayloadBytes / 3 / 4));
    const long = (at: number) => waiting(at, `m${at}`, { content: { type: "text", text } });
    const mailbox = mailboxOf(...[1, 2, 3, 4, 5, 6].map(long));
    expect(mailbox.nextInputs(newConversation(), "collect")).toHaveLength(4);
  });

  test("resumes a turn with the inputs it was begun with, once they all are there", () => {
    const openTurn = { id: "t.m1" as never, inputs: [1, 2], steps: [] };
    const state = stateWith({ openTurn });
    const mailbox = mailboxOf(waiting(1));
    expect(mailbox.holdsInputsOf(state)).toBe(false);
    mailbox.add(waiting(2));
    mailbox.add(waiting(3));
    expect(mailbox.holdsInputsOf(state)).toBe(true);
    for (const mode of ["followup", "collect"] as const) {
      expect(idsOf(mailbox.nextInputs(state, mode))).toEqual(["m1", "m2"]);
    }
    expect(mailbox.holdsInputsOf(newConversation())).toBe(true);
  });

  test("gives a turn nothing that was handled before and came again while it waited", () => {
    const seen = new Map([["old", { fingerprint: "", index: 0 }]]);
    const state = stateWith({ handled: 5, seen });
    // The repeat would come first: the platform sent it before the others.
    const mailbox = mailboxOf(
      waiting(6, "a", from("x", 2)),
      waiting(7, "old", from("x", 1)),
      waiting(8, "b", from("x", 3)),
    );
    expect(idsOf(mailbox.nextInputs(state, "followup"))).toEqual(["a"]);
    expect(idsOf(mailbox.nextInputs(state, "collect"))).toEqual(["a", "b"]);
    expect(idsOf(mailbox.dropHandled(state))).toEqual(["old"]);
  });

  test("gives no news that were taken before", () => {
    const content = { type: "delivery", news: { type: "retry", id: "t.x", at: 1 } } as const;
    const taken = waiting(4, "taken", { content });
    const again = waiting(7, "again", { content });
    const fresh = waiting(8, "fresh", { content });
    const seen = new Map([["again", { fingerprint: "", index: -1 }]]);
    const state = stateWith({ handled: 5, seen });
    const mailbox = mailboxOf(taken, again);
    expect(mailbox.news(state)).toBeUndefined();
    mailbox.add(fresh);
    expect(mailbox.news(state)).toBe(fresh);
  });

  test("keeps its order through removals", () => {
    const mailbox = mailboxOf(waiting(1), waiting(2), waiting(3));
    mailbox.remove(mailbox.all.slice(0, 2));
    expect(mailbox.head?.message.id).toBe("m3" as MessageId);
  });

  const from = (chat: string, order: number): Partial<InboundMessage> => ({
    source: { account: "bot", chat: { kind: "direct", id: chat }, order },
  });

  test("takes what waits of a chat in the platform's order, and says what came too early", () => {
    const late = waiting(1, "b", from("x", 2));
    const early = waiting(2, "a", from("x", 1));
    const mailbox = mailboxOf(late, early, waiting(3, "c", from("x", 3)));
    expect(idsOf(mailbox.nextInputs(newConversation(), "collect"))).toEqual(["a", "b", "c"]);
    expect(mailbox.nextInputs(newConversation(), "followup")).toEqual([early]);
    expect(mailbox.isEarly(early, [early])).toBe(true);
    expect(mailbox.isEarly(early, [early, late])).toBe(false);
    mailbox.remove([early]);
    expect(mailbox.isEarly(late, [late])).toBe(false);
    expect(idsOf(mailbox.all)).toEqual(["b", "c"]);
  });

  test("leaves the places of other chats, and of what has no order, as they are", () => {
    const mailbox = mailboxOf(
      waiting(1, "x2", from("x", 2)),
      waiting(2, "y1", from("y", 1)),
      waiting(3, "api"),
      waiting(4, "x1", from("x", 1)),
    );
    const handled: string[] = [];
    for (let [next] = mailbox.nextInputs(newConversation(), "followup"); next; ) {
      handled.push(next.message.id);
      mailbox.remove([next]);
      [next] = mailbox.nextInputs(newConversation(), "followup");
    }
    expect(handled).toEqual(["x1", "x2", "y1", "api"]);
  });
});
