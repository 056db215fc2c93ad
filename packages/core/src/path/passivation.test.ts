import { describe, expect, test } from "vitest";
import { parseConversationKey } from "../ids.ts";
import { type ActiveConversation, activeConversation } from "./active-conversation.ts";
import { newConversation } from "./conversation-state.ts";
import { type ActiveConversations, excessOf, touch, unusedSince } from "./passivation.ts";

/** Conversations used at 1, 2, 3... in the order of their names. */
function createActive(...names: string[]) {
  const active: ActiveConversations = new Map();
  names.forEach((name, index) => {
    const key = `acme/echo/${name}`;
    const conversation = activeConversation(key, parseConversationKey(key), false);
    conversation.state = newConversation();
    active.set(key, conversation);
    touch(active, conversation, index + 1);
  });
  const at = (name: string) => active.get(`acme/echo/${name}`)!;
  return { active, at };
}

const namesOf = (conversations: readonly ActiveConversation[] | undefined) =>
  conversations?.map(({ ref }) => ref.conversation);

describe("what leaves the memory", () => {
  test("is what was used longest ago, and nothing that works or waits", () => {
    const { active, at } = createActive("a", "b", "c", "d");
    const all = { count: 4, bytes: 1_000 };
    expect(excessOf(active, all)).toBeUndefined();
    touch(active, at("a"), 5);
    at("b").running = true;
    expect(namesOf(excessOf(active, { ...all, count: 2 }))).toEqual(["c", "d"]);
    expect(namesOf(unusedSince(active, 4))).toEqual(["c"]);
    expect(namesOf(unusedSince(active, 6))).toEqual(["c", "d", "a"]);
  });

  test("is as much as is over the bytes, texts and remembered inputs together", () => {
    const { active, at } = createActive("a", "b", "c");
    at("a").state!.tailChars = 100;
    for (let n = 0; n < 10; n += 1) at("b").state!.seen.set(`m${n}`, { fingerprint: "", index: n });
    expect(excessOf(active, { count: 3, bytes: 840 })).toBeUndefined();
    expect(namesOf(excessOf(active, { count: 3, bytes: 839 }))).toEqual(["a"]);
    expect(namesOf(excessOf(active, { count: 3, bytes: 639 }))).toEqual(["a", "b"]);
  });

  test("is not taken back by the use of what left already", () => {
    const { active, at } = createActive("a", "b");
    const gone = at("a");
    active.delete(gone.key);
    touch(active, gone, 9);
    expect(active.size).toBe(1);
  });
});
