import { expect, test } from "vitest";
import type { AgentName, ConversationId, MessageId, OrganizationName } from "../ids.ts";
import { limits } from "../limits.ts";
import type { StoredMessage } from "../messages.ts";
import { ConversationReader } from "./conversation-reader.ts";
import type { HistoryPages } from "./history.ts";
import type { Owners } from "./owners.ts";

const ref = {
  organization: "demo" as OrganizationName,
  agent: "greeter" as AgentName,
  conversation: "c1" as ConversationId,
};

/** A conversation whose texts stand in the blob store, the first ones of them in sealed pages. */
function readerOf(texts: readonly string[], tailStart: number) {
  const messages = texts.map((_, index): StoredMessage => {
    const id = `m${index}` as MessageId;
    return { index, id, role: "user", text: "", blob: String(index), at: 0 };
  });
  const reads: number[] = [];
  let open = 0;
  const reader = new ConversationReader({
    owners: {
      history: async (_ref: unknown, from: number, until: number) => ({
        next: messages.length,
        isBusy: false,
        tailStart,
        tail: messages.slice(Math.max(from, tailStart), until),
      }),
    } as unknown as Owners,
    history: {
      read: async (_key: string, from: number, until: number) => {
        reads.push(until - from);
        return messages.slice(from, until);
      },
    } as unknown as HistoryPages,
    blobs: {
      async get(key) {
        open += 1;
        expect(open).toBe(1);
        await Promise.resolve();
        open -= 1;
        return new TextEncoder().encode(texts[Number(key)]);
      },
      put: () => Promise.reject(new Error("nothing is written")),
      delete: () => Promise.reject(new Error("nothing is deleted")),
    },
    holds: () => false,
  });
  return { reader, reads };
}

test("long texts are read one by one, and a page ends where it would hold too much", async () => {
  const long = "x".repeat(limits.historyReadChars / 2);
  const texts = ["a", long, "b", long, `${long}${long}y`, "c"];
  const { reader } = readerOf(texts, 2);
  const pages: number[][] = [];
  for (let after = -1; after < texts.length - 1; ) {
    const { messages, newest } = await reader.page(ref, { after, limit: 1_000 });
    expect(newest).toBe(texts.length - 1);
    for (const { index, text } of messages) expect(text).toBe(texts[index]);
    pages.push(messages.map(({ index }) => index));
    after = messages.at(-1)?.index ?? texts.length;
  }
  expect(pages).toEqual([[0, 1, 2], [3], [4], [5]]);
});

test("sealed pages are read no further than the answer goes", async () => {
  const half = "x".repeat(limits.historyReadChars / 2);
  const texts = [...Array<string>(5).fill(half), ...Array<string>(995).fill("a")];
  const { reader, reads } = readerOf(texts, 1_000);
  const { messages } = await reader.page(ref, { after: -1, limit: 1_000 });
  expect(messages).toHaveLength(2);
  expect(reads).toEqual([limits.historyPageMessages]);
});
