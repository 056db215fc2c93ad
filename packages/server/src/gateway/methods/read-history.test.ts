import type {
  AgentName,
  ConversationId,
  MessageId,
  OrganizationName,
  StoredMessage,
} from "@holdfast/core";
import { expect, it } from "vitest";
import { MemoryConversations } from "../../http/testing/memory-conversations.ts";
import type { Client } from "../client.ts";
import { gatewayLimits } from "../limits.ts";
import { giveShortPages } from "../testing/short-pages.ts";
import { readHistory } from "./read-history.ts";

const ref = {
  organization: "demo" as OrganizationName,
  agent: "greeter" as AgentName,
  conversation: "main" as ConversationId,
};

/** A history of so many messages of one text, of which the owner gives `page` at a time. */
function read(count: number, text: string, maxChars: number, page: number) {
  const conversations = new MemoryConversations();
  const messages = Array.from({ length: count }, (_, index): StoredMessage => {
    return { index, id: `m${index}` as MessageId, role: "user", text, at: index };
  });
  conversations.history = async (_, { after, limit }) => ({
    messages: messages.slice(after + 1, after + 1 + limit),
    newest: count - 1,
  });
  giveShortPages(conversations, page);
  const client = { services: { conversations, hub: { runIdOf: () => undefined } } };
  const wish = { limit: gatewayLimits.historyMessages, offset: 0, maxChars };
  return readHistory(client as unknown as Client, ref, wish);
}

const times = ({ messages }: Awaited<ReturnType<typeof read>>) =>
  messages.map(({ timestamp }) => timestamp);

it.each([1, 7, 64, 1_000])("reads a history to its end, %i messages at a time", async (page) => {
  const part = await read(250, "hi", 100, page);
  expect(times(part)).toEqual(Array.from({ length: 250 }, (_, index) => index));
  expect(part.nextOffset).toBeUndefined();
});

it.each([
  ["an answer holds", gatewayLimits.messageChars, gatewayLimits.historyChars],
  ["is held for an answer", 1, gatewayLimits.historyReadChars],
])(
  "gives the newest messages whose text %s, and says where the others begin",
  async (_, maxChars, most) => {
    const text = "x".repeat(gatewayLimits.messageChars);
    const fitting = most / text.length;
    const part = await read(150, text, maxChars, 3);
    expect(times(part)).toEqual(Array.from({ length: fitting }, (_, at) => 150 - fitting + at));
    expect(part).toMatchObject({ nextOffset: fitting, total: 150 });
  },
);

it("gives one message however long it is", async () => {
  const part = await read(3, "x".repeat(gatewayLimits.historyReadChars + 1), 10, 2);
  expect(times(part)).toEqual([2]);
  expect(part.nextOffset).toBe(1);
});
