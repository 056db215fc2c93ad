import {
  Checkpoints,
  HistoryPages,
  limits,
  type MessageId,
  type StoredMessage,
} from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit";
import { describe, expect, test } from "vitest";
import {
  type ConversationState,
  newConversation,
} from "../../packages/core/src/path/conversation-state.ts";

const key = "acme/echo/c:1@example.org";

function createStorage() {
  const clock = createVirtualClock();
  const store = createMemoryStore();
  const engine = createMemoryEngine(store, { clock });
  const ready = clock.runUntil(engine.provision({ logs: [], buckets: ["checkpoints", "history"] }));
  return {
    store,
    engine,
    checkpoints: new Checkpoints(engine.keyValue, engine.blobStore),
    history: new HistoryPages(engine.keyValue, engine.blobStore),
    run: async <T>(work: () => Promise<T>): Promise<T> => {
      await ready;
      return clock.runUntil(work());
    },
  };
}

/** A conversation of `count` messages of `chars` characters each. */
function conversationOf(count: number, chars: number, journaled = count): ConversationState {
  const tail = Array.from(
    { length: count },
    (_, index): StoredMessage => ({
      index,
      id: `m${index}` as MessageId,
      role: "user",
      text: `${index}`.padEnd(chars, "x"),
      at: index,
    }),
  );
  const seen = new Map(tail.map(({ id, index }) => [id as string, { fingerprint: "f", index }]));
  const tailChars = tail.reduce((sum, { text }) => sum + text.length, 0);
  const openTurn = { id: "t.x" as never, inputs: [4_097], steps: [] };
  const attempts = { at: 4_097, count: 2 };
  const more = { handled: 4_096, next: count, openTurn, attempts, journaled };
  return { ...newConversation(), ...more, tail, tailChars, seen };
}

describe("a checkpoint", () => {
  test("gives back the state, small or so large that it stands in a blob", async () => {
    for (const chars of [10, 8_000]) {
      const { checkpoints, store, run } = createStorage();
      const state = conversationOf(50, chars);
      const revision = await run(() => checkpoints.save(key, state, 0));
      const loaded = await run(() => checkpoints.load(key));
      expect(loaded.revision).toBe(revision);
      expect({ ...loaded.state, checkpointBlob: undefined }).toEqual({
        ...state,
        checkpointBlob: undefined,
      });
      expect(store.blobs.size).toBe(chars > 10 ? 1 : 0);
    }
  });

  test("is read whole although the last owner saves a newer one meanwhile", async () => {
    const { checkpoints, engine, run } = createStorage();
    const state = conversationOf(50, 8_000);
    const revision = await run(() => checkpoints.save(key, state, 0));
    let isSaved = false;
    const reader = new Checkpoints(engine.keyValue, {
      put: (...words) => engine.blobStore.put(...words),
      delete: (...words) => engine.blobStore.delete(...words),
      async get(...words) {
        if (!isSaved) await checkpoints.save(key, { ...state, journaled: 51 }, revision);
        isSaved = true;
        return await engine.blobStore.get(...words);
      },
    });
    expect((await run(() => reader.load(key))).state.journaled).toBe(51);
  });

  test("leaves no blob behind when an older owner's or another try's gives way, or its own does", async () => {
    const { checkpoints, store, run } = createStorage();
    const older = conversationOf(50, 8_000);
    await run(() => checkpoints.save(key, older, 0));
    // Its owner was deposed: what it saved stands there with a revision that nobody expects.
    const newer = { ...conversationOf(60, 8_000), journaled: 70 };
    await run(() => checkpoints.save(key, newer, 0));
    expect(store.blobs.size).toBe(1);
    await expect(
      run(() => checkpoints.save(key, { ...older, journaled: 55 }, 1)),
    ).rejects.toMatchObject({ code: "ownership_lost" });
    expect(store.blobs.size).toBe(1);
    // The answer to its first try was lost, and history was sealed since.
    const sealed = { ...conversationOf(40, 8_000), journaled: 70 };
    await run(() => checkpoints.save(key, sealed, 1));
    expect(store.blobs.size).toBe(1);
    expect((await run(() => checkpoints.load(key))).state.journaled).toBe(70);
  });

  test("whose blob is gone is named as corrupt", async () => {
    const { checkpoints, store, run } = createStorage();
    await run(() => checkpoints.save(key, conversationOf(50, 8_000), 0));
    store.blobs.clear();
    await expect(run(() => checkpoints.load(key))).rejects.toMatchObject({ code: "data_corrupt" });
  });

  test("that is replaced leaves no blob behind", async () => {
    const { checkpoints, store, run } = createStorage();
    let revision = 0;
    let state = conversationOf(50, 8_000);
    for (let journaled = 51; journaled < 56; journaled += 1) {
      state = { ...state, journaled };
      revision = await run(() => checkpoints.save(key, state, revision));
    }
    expect(store.blobs.size).toBe(1);
    expect((await run(() => checkpoints.load(key))).state.journaled).toBe(55);
  });

  test("of what was never saved is a new conversation", async () => {
    const { checkpoints, run } = createStorage();
    expect(await run(() => checkpoints.load(key))).toEqual({
      state: newConversation(),
      revision: 0,
    });
  });

  test("of a newer version is refused, not misread", async () => {
    const { checkpoints, store, run } = createStorage();
    await run(() => checkpoints.save(key, conversationOf(1, 10), 0));
    const [entry] = store.buckets.get("checkpoints")?.list("") ?? [];
    if (!entry) throw new Error("There is no checkpoint.");
    // `v` is the first field of the encoded map, and 1 its value.
    const at = entry.value.indexOf("v".charCodeAt(0)) + 1;
    entry.value[at] = 2;
    await expect(run(() => checkpoints.load(key))).rejects.toMatchObject({ code: "home_too_new" });
  });
});

describe("history pages", () => {
  test("hold what left the tail, and nothing is lost in between", async () => {
    for (const chars of [10, 8_000]) {
      const { history, run } = createStorage();
      const all = conversationOf(limits.historyTailMessages + 100, chars).tail;
      const state = conversationOf(all.length, chars);
      while (HistoryPages.isDue(state)) await run(() => history.seal(key, state));
      const sealedUntil = state.tail[0]?.index ?? 0;
      expect(sealedUntil % limits.historyPageMessages).toBe(0);
      expect(state.tail.length).toBeLessThanOrEqual(limits.historyTailMessages);
      expect(state.tailChars).toBe(state.tail.reduce((sum, { text }) => sum + text.length, 0));
      const sealed = await run(() => history.read(key, 0, sealedUntil));
      expect([...sealed, ...state.tail]).toEqual(all);
      for (const [from, until] of [
        [0, 1],
        [limits.historyPageMessages - 1, limits.historyPageMessages + 1],
        [5, 5],
        [sealedUntil - 3, sealedUntil],
      ] as const) {
        const part = await run(() => history.read(key, from, until));
        expect(part).toEqual(all.slice(from, until));
      }
    }
  });

  test("may be sealed again after a crash and stay the same", async () => {
    const { history, store, run } = createStorage();
    const count = limits.historyTailMessages + 1;
    const pages = () =>
      (store.buckets.get("history")?.list("") ?? []).map(({ value }) => [...value]);
    await run(() => history.seal(key, conversationOf(count, 10)));
    const before = pages();
    // The recovered state is longer than the one that was sealed first.
    await run(() => history.seal(key, conversationOf(count + 20, 10)));
    expect(pages()).toEqual(before);
  });

  test("that are missing are an error, never a gap", async () => {
    const { history, run } = createStorage();
    await expect(run(() => history.read(key, 0, 10))).rejects.toMatchObject({
      code: "data_corrupt",
    });
  });
});
