import type {
  AgentName,
  ConversationId,
  HistoryRange,
  MessageId,
  OrganizationName,
  StoredMessage,
  TurnId,
} from "@holdfast/core";
import { expect, it } from "vitest";
import { MemoryConversations } from "../testing/memory-conversations.ts";
import { continueResponse } from "./response-chain.ts";
import { encodeResponseId } from "./response-ids.ts";

const agent = { organization: "demo" as OrganizationName, agent: "greeter" as AgentName };
const conversation = "c1" as ConversationId;
const how = { store: true, linear: false, maxChars: 1_000 };

function message(index: number, turn: string, role: StoredMessage["role"]): StoredMessage {
  const text = `${turn}.${index}`;
  return { index, id: `m-${turn}` as MessageId, role, text, at: 1, turn: turn as TurnId };
}

/** Two messages of turn t0, then seven of t1. */
const twoTurns = [
  message(0, "t0", "user"),
  message(1, "t0", "assistant"),
  message(2, "t1", "user"),
  ...[3, 4, 5, 6, 7, 8].map((index) => message(index, "t1", "assistant")),
];

/** At most `page` messages at a time, as an owner gives them where they are long. */
function conversationsWith(messages: readonly StoredMessage[], page: number): MemoryConversations {
  const conversations = new MemoryConversations();
  conversations.history = async (_, { after, limit }: HistoryRange) => ({
    messages: messages.slice(after + 1, after + 1 + Math.min(limit, page)),
    newest: messages.length - 1,
  });
  return conversations;
}

const idOf = (turn: string, after: number) =>
  encodeResponseId({ conversation, message: `m-${turn}` as MessageId, after, bases: [] });

it.each([1, 2, 3, 100])(
  "goes on behind a long turn that comes %i messages at a time",
  async (page) => {
    const conversations = conversationsWith(twoTurns, page);
    const continued = await continueResponse(conversations, agent, idOf("t1", 1), how);
    expect(continued).toMatchObject({ conversation, after: 8, bases: [] });
  },
);

it.each([1, 2, 100])("branches from an older turn with its answer, %i at a time", async (page) => {
  const more = [...twoTurns, message(9, "t2", "user"), message(10, "t2", "assistant")];
  const conversations = conversationsWith(more, page);
  const continued = await continueResponse(conversations, agent, idOf("t1", 1), how);
  expect(continued).toMatchObject({ after: -1, bases: [{ conversation, upTo: 8 }] });
  expect(continued.history.at(-1)?.text).toBe("t1.8");
});
