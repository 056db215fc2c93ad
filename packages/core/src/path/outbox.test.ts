import { describe, expect, test } from "vitest";
import { limits } from "../limits.ts";
import type { MessageSource } from "../deliveries.ts";
import {
  addOutgoing,
  applyNews,
  applySend,
  applySent,
  newOutbox,
  type Outbox,
  pieceKey,
  type SentEntry,
  viewOutbox,
} from "./outbox.ts";

const to = (chat = "x"): MessageSource => ({ account: "bot", chat: { kind: "direct", id: chat } });

function outboxWith(...ids: readonly string[]): Outbox {
  const outbox = newOutbox();
  for (const id of ids) addOutgoing(outbox, { id, to: to(), text: id, at: 1 });
  return outbox;
}

const begin = (outbox: Outbox, id: string, piece = 0, of = 1) =>
  applySend(outbox, { t: "send", c: "c", id, piece, of, at: 2 });

function end(outbox: Outbox, id: string, more: Partial<SentEntry> = {}): void {
  const entry = { t: "sent", c: "c", id, piece: 0, outcome: "sent", at: 3, done: [id] } as const;
  applySent(outbox, { ...entry, platformId: `p-${id}-${more.piece ?? 0}`, ...more });
}

const states = (outbox: Outbox) =>
  Object.fromEntries(viewOutbox(outbox).map(({ id, state }) => [id, state]));

describe("an outbox", () => {
  test("keeps a message until its last piece is sent", () => {
    const outbox = outboxWith("a", "b");
    begin(outbox, "a", 0, 2);
    end(outbox, "a", { done: [] });
    expect(outbox.waiting.map(({ id }) => id)).toEqual(["a", "b"]);
    begin(outbox, "a", 1, 2);
    expect(states(outbox)).toEqual({ a: "accepted", b: "accepted" });
    end(outbox, "a", { piece: 1 });
    expect(outbox.waiting.map(({ id }) => id)).toEqual(["b"]);
    expect(states(outbox)).toEqual({ a: "sent", b: "accepted" });
  });

  test("forgets a start that surely had no effect, and the piece is begun anew", () => {
    const outbox = outboxWith("a");
    begin(outbox, "a");
    end(outbox, "a", { outcome: "again", done: [] });
    expect(outbox.waiting[0]?.pieces).toEqual([]);
    begin(outbox, "a");
    end(outbox, "a");
    expect(states(outbox)).toEqual({ a: "sent" });
  });

  test("goes on behind a message whose outcome nobody knows, and says so", () => {
    const outbox = outboxWith("a", "b");
    begin(outbox, "a");
    end(outbox, "a", { outcome: "unknown", reason: "the connection was cut" });
    expect(outbox.waiting.map(({ id }) => id)).toEqual(["b"]);
    expect(states(outbox)).toEqual({ a: "unknown", b: "accepted" });
  });

  test("gives up what waits behind a failure in the same chat, and nothing else", () => {
    const outbox = outboxWith("a", "b");
    addOutgoing(outbox, { id: "other", to: to("y"), text: "other", at: 1 });
    begin(outbox, "a");
    end(outbox, "a", { outcome: "failed", reason: "blocked", done: ["a", "b"] });
    expect(states(outbox)).toEqual({ a: "failed", b: "failed", other: "accepted" });
    expect(outbox.waiting.map(({ id }) => id)).toEqual(["other"]);
  });

  test("holds a failure for a person, who sends it once more or gives it up", () => {
    const outbox = outboxWith("a", "b");
    begin(outbox, "a");
    end(outbox, "a", { outcome: "failed", reason: "blocked", done: [], isHeld: true });
    expect(outbox.waiting[0]).toMatchObject({ id: "a", isHeld: true });
    applyNews(outbox, { type: "retry", id: "a", at: 4 });
    expect(outbox.waiting[0]).toMatchObject({ id: "a", pieces: [] });
    expect(outbox.waiting[0]).not.toHaveProperty("isHeld");
    applyNews(outbox, { type: "discard", id: "a", at: 5 });
    expect(states(outbox)).toEqual({ a: "failed", b: "accepted" });
  });

  test("takes receipts in any order, twice, and of strangers", () => {
    const outbox = outboxWith("a");
    begin(outbox, "a");
    end(outbox, "a");
    const receipt = { type: "receipt", account: "bot", messageId: "p-a-0", at: 9 } as const;
    applyNews(outbox, { ...receipt, state: "read" });
    applyNews(outbox, { ...receipt, state: "delivered" });
    applyNews(outbox, { ...receipt, messageId: "nobody's", state: "failed" });
    expect(states(outbox)).toEqual({ a: "read" });
  });

  test("has all above a message read when it is", () => {
    const outbox = outboxWith("a", "b", "c");
    for (const id of ["a", "b", "c"]) {
      begin(outbox, id);
      end(outbox, id, id === "a" ? { outcome: "unknown" } : {});
    }
    applyNews(outbox, {
      type: "receipt",
      account: "bot",
      messageId: "p-c-0",
      state: "read",
      at: 9,
    });
    expect(states(outbox)).toEqual({ a: "unknown", b: "read", c: "read" });
  });

  test("learns from a receipt with its key what became of an unknown send", () => {
    const outbox = outboxWith("a");
    begin(outbox, "a");
    end(outbox, "a", { outcome: "unknown" });
    const key = pieceKey("a", 0);
    applyNews(outbox, {
      type: "receipt",
      account: "bot",
      messageId: "p9",
      key,
      state: "delivered",
      at: 9,
    });
    expect(viewOutbox(outbox)[0]).toMatchObject({
      state: "delivered",
      pieces: [{ platformId: "p9" }],
    });
  });

  test("a failure that the platform tells later counts, unless the message was delivered", () => {
    const outbox = outboxWith("a", "b");
    for (const id of ["a", "b"]) {
      begin(outbox, id);
      end(outbox, id);
    }
    applyNews(outbox, {
      type: "receipt",
      account: "bot",
      messageId: "p-b-0",
      state: "delivered",
      at: 8,
    });
    for (const messageId of ["p-a-0", "p-b-0"]) {
      applyNews(outbox, {
        type: "receipt",
        account: "bot",
        messageId,
        state: "failed",
        reason: "131026",
        at: 9,
      });
    }
    expect(states(outbox)).toEqual({ a: "failed", b: "delivered" });
  });

  test("remembers the newest of what is done", () => {
    const ids = Array.from({ length: limits.deliveriesKept + 10 }, (_, number) => `m${number}`);
    const outbox = outboxWith(...ids);
    for (const id of ids) {
      begin(outbox, id);
      end(outbox, id);
    }
    expect(outbox.done).toHaveLength(limits.deliveriesKept);
    expect(outbox.done.at(-1)?.id).toBe(ids.at(-1));
  });

  test("keeps what a platform tells before the outcome is known", () => {
    const outbox = outboxWith("a", "b");
    begin(outbox, "a");
    const receipt = { type: "receipt", account: "bot", at: 9 } as const;
    const key = pieceKey("a", 0);
    applyNews(outbox, { ...receipt, messageId: "p-a-0", key, state: "delivered" });
    expect(outbox.waiting[0]?.pieces[0]).toMatchObject({ state: "started", early: { at: 9 } });
    end(outbox, "a");
    begin(outbox, "b");
    // Without a key nobody knows yet what it is about.
    applyNews(outbox, { ...receipt, messageId: "p-b-0", state: "read" });
    end(outbox, "b");
    expect(states(outbox)).toEqual({ a: "delivered", b: "read" });
    expect(outbox.unmatched).toEqual([]);
  });

  test("remembers no more strangers' receipts than it may", () => {
    const outbox = outboxWith();
    for (let number = 0; number < 100; number += 1) {
      const messageId = `stranger-${number}`;
      applyNews(outbox, { type: "receipt", account: "bot", messageId, state: "read", at: 9 });
    }
    expect(outbox.unmatched).toHaveLength(limits.receiptsUnmatched);
  });

  test("takes no receipt of another account, and none of another chat as read", () => {
    const outbox = outboxWith("a");
    addOutgoing(outbox, { id: "other", to: to("y"), text: "other", at: 1 });
    for (const id of ["a", "other"]) {
      begin(outbox, id);
      end(outbox, id);
    }
    const receipt = { type: "receipt", messageId: "p-other-0", state: "read", at: 9 } as const;
    applyNews(outbox, { ...receipt, account: "stranger" });
    expect(states(outbox)).toEqual({ a: "sent", other: "sent" });
    applyNews(outbox, { ...receipt, account: "bot" });
    expect(states(outbox)).toEqual({ a: "sent", other: "read" });
  });

  test("knows since when a try may have worked, through refusals, until the piece has ended", () => {
    const outbox = outboxWith("a");
    const send = (at: number) =>
      applySend(outbox, { t: "send", c: "c", id: "a", piece: 0, of: 1, at });
    send(10);
    // The node died, and the next owner repeats it.
    send(20);
    end(outbox, "a", { outcome: "again", done: [] });
    expect(outbox.waiting[0]?.unsureSince).toBe(10);
    send(30);
    end(outbox, "a", { outcome: "again", isUnsure: true, done: [] });
    expect(outbox.waiting[0]?.unsureSince).toBe(10);
    send(40);
    end(outbox, "a", { done: [] });
    expect(outbox.waiting[0]).not.toHaveProperty("unsureSince");
  });
});
