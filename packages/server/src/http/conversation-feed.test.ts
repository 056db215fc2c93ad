import {
  type AgentName,
  type ConversationEvent,
  type ConversationId,
  type ConversationRef,
  HoldfastError,
  limits,
  type OrganizationName,
} from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConversationFeed } from "./conversation-feed.ts";
import { MemoryConversations } from "./testing/memory-conversations.ts";

const ref: ConversationRef = {
  organization: "demo" as OrganizationName,
  agent: "greeter" as AgentName,
  conversation: "c1" as ConversationId,
};

let conversations: MemoryConversations;
let clock: ReturnType<typeof createVirtualClock>;
let ended: AbortController;
let feed: ConversationFeed;
beforeEach(() => {
  conversations = new MemoryConversations();
  clock = createVirtualClock();
  ended = new AbortController();
});
afterEach(() => feed[Symbol.dispose]());

async function watch(after?: number): Promise<void> {
  feed = new ConversationFeed(conversations, clock, ref, after, ended.signal);
  await feed.open();
}

/** A turn of which only those events are told that pass. */
async function turn(text: string, passes: (event: ConversationEvent) => boolean): Promise<void> {
  const emit = conversations.emit.bind(conversations);
  conversations.emit = (of, event) => passes(event) && emit(of, event);
  const content = { type: "text", text } as const;
  await conversations.complete({ ...ref, content }, () => () => {});
  conversations.emit = emit;
}

const nothing = () => false;
const begin = ({ type }: ConversationEvent) => type === "started";
const everything = () => true;
const textOf = (item: { data: string } | undefined) => JSON.parse(item?.data ?? "{}").text;

describe("a commit of which nobody told", () => {
  test.each([undefined, -1])("is found by the next look, after %s", async (after) => {
    await watch(after);
    await turn("lost", nothing);
    const item = feed.next();
    const before = clock.monotonic();
    expect(textOf(await clock.runUntil(item))).toBe("lost");
    expect(clock.monotonic() - before).toBe(limits.streamLookMs);
    expect(textOf(await feed.next())).toBe("echo: lost");
  });

  test("is found soon when its turn was told to have begun", async () => {
    await watch();
    await turn("half", begin);
    expect((await feed.next())?.type).toBe("started");
    const before = clock.monotonic();
    expect(textOf(await clock.runUntil(feed.next()))).toBe("half");
    expect(clock.monotonic() - before).toBe(limits.streamSilentLookMs);
  });

  test("is found when it was the first that a watcher of now should have heard", async () => {
    await turn("old", everything);
    await watch();
    await turn("lost", nothing);
    await turn("heard", everything);
    const types = [];
    for (let i = 0; i < 4; i += 1) types.push((await feed.next())?.type);
    expect(types).toEqual(["started", "message", "message", "committed"]);
  });
});

describe("looks", () => {
  test("a commit that is heard while the beginning is looked for is told", async () => {
    await turn("old", everything);
    const history = conversations.history.bind(conversations);
    conversations.history = async (of, range) => {
      conversations.history = history;
      await turn("meanwhile", everything);
      return await history(of, range);
    };
    await watch();
    expect((await feed.next())?.type).toBe("started");
    expect(await feed.next()).toMatchObject({ type: "committed", id: 3 });
  });

  test("an owner that is being replaced is asked again", async () => {
    await watch();
    await turn("half", begin);
    await feed.next();
    const history = conversations.history.bind(conversations);
    conversations.history = () => {
      conversations.history = history;
      return Promise.reject(new HoldfastError("not_ready", "No owner."));
    };
    expect(textOf(await clock.runUntil(feed.next()))).toBe("half");
  });

  test("pages may be short", async () => {
    for (const text of ["a", "b", "c"]) await turn(text, everything);
    const history = conversations.history.bind(conversations);
    conversations.history = (of, range) => history(of, { ...range, limit: 1 });
    await watch(-1);
    const texts = [];
    for (let i = 0; i < 6; i += 1) texts.push(textOf(await feed.next()));
    expect(texts).toEqual(["a", "echo: a", "b", "echo: b", "c", "echo: c"]);
  });

  test("end with the stream", async () => {
    await watch();
    const last = feed.next();
    ended.abort();
    expect(await last).toBeUndefined();
    feed[Symbol.dispose]();
    const before = clock.monotonic();
    await clock.runToIdle();
    expect(clock.monotonic()).toBe(before);
  });
});

test("who wants nothing of before does not wait for an owner, and misses nothing once there is one", async () => {
  const history = conversations.history.bind(conversations);
  let failures = 2;
  conversations.history = async (...words) => {
    failures -= 1;
    if (failures >= 0) throw new HoldfastError("not_ready", "It is being replaced.");
    return await history(...words);
  };
  await turn("old", everything);
  await watch();
  const item = feed.next();
  await clock.advance(4 * limits.streamSilentLookMs);
  expect(failures).toBeLessThan(0);
  await turn("lost", nothing);
  expect(textOf(await clock.runUntil(item))).toBe("lost");
});
