import { EventEmitter } from "node:events";
import { channels as platforms } from "@holdfast/channels";
import {
  type Account,
  agentName,
  type Channels,
  conversationId,
  type ConversationRef,
  type HoldfastError,
  type InboundEvent,
  limits,
  organizationName,
} from "@holdfast/core";
import { createSeededRandom, createVirtualClock } from "@holdfast/testkit";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { MemoryConversations } from "../http/testing/memory-conversations.ts";
import { AddressBuckets } from "../http/token-bucket.ts";
import { ChatConnection, type ChatTools } from "./chat-connection.ts";
import type { ServerFrame } from "./frames.ts";
import { webchatLimits } from "./limits.ts";
import type { Places, VisitorPlace } from "./place.ts";

/** The browser's end of the line. */
class Line extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly frames: ServerFrame[] = [];
  closeCode: number | undefined;

  send(text: string, done: () => void): void {
    this.frames.push(JSON.parse(text) as ServerFrame);
    done();
  }

  close(code: number): void {
    this.closeCode = code;
  }

  say(frame: object): void {
    this.emit("message", Buffer.from(JSON.stringify(frame)), false);
  }

  of<Type extends ServerFrame["type"]>(type: Type) {
    return this.frames.filter((frame) => frame.type === type) as Extract<
      ServerFrame,
      { type: Type }
    >[];
  }
}

/** A node with one web account, whose agent answers whoever is let in. */
class Node {
  readonly clock = createVirtualClock();
  readonly conversations = new MemoryConversations();
  readonly connections: ChatConnection[] = [];
  readonly events: InboundEvent[] = [];
  readonly logged: HoldfastError[] = [];
  access: VisitorPlace["access"] = "allow";
  agent = "helper";
  conversation = "web:site:direct:v1";
  readonly #use = web().open({
    organization: "acme",
    name: "site",
    settings: { allowedOrigins: [], addresses: [] },
    secret: () => "",
    clock: this.clock,
    random: createSeededRandom(1),
    report: () => undefined,
  });

  get ref(): ConversationRef {
    return {
      organization: organizationName("acme"),
      agent: agentName(this.agent),
      conversation: conversationId(this.conversation),
    };
  }

  async connect(hello: object = {}): Promise<Line> {
    const line = new Line();
    const account = { organization: "acme", name: "site" };
    const socket = line as unknown as WebSocket;
    this.connections.push(new ChatConnection(socket, account, this.#tools()));
    line.say({ type: "hello", visitor: "0".repeat(26), ...hello });
    await this.settled();
    return line;
  }

  async ask(text: string): Promise<void> {
    await this.conversations.submit({ ...this.ref, content: { type: "text", text } });
    await this.settled();
  }

  settled(): Promise<void> {
    return this.clock.advance(0);
  }

  #tools(): ChatTools {
    const account = { organization: "acme", name: "site", channel: "web" } as Account;
    const code = { result: "code", code: "SECRET42", isNew: true };
    const accept = async (_: Account, events: readonly InboundEvent[]) => {
      this.events.push(...events);
    };
    return {
      conversations: this.conversations,
      clock: this.clock,
      channels: {
        registry: { get: () => ({ account, use: this.#use }) },
        pairing: { request: async () => code },
        ingress: { accept },
      } as unknown as Channels,
      places: { of: () => ({ ref: this.ref, access: this.access }) } as unknown as Places,
      sends: new AddressBuckets(this.clock, { perSecond: 1, burst: 100 }, 10),
      admit: () => true,
      report: (error) => void this.logged.push(error),
    };
  }
}

function web() {
  const channel = platforms.get("web");
  if (!channel) throw new Error("there is no channel web");
  return channel;
}

describe("a browser that comes back", () => {
  it("begins anew with another agent, whose conversation has the same id", async () => {
    const node = new Node();
    for (const text of ["one", "two", "three"]) await node.ask(text);
    const first = await node.connect();
    const { conversation = "" } = first.of("welcome")[0] ?? {};
    expect(conversation).toContain(node.ref.conversation);
    const same = await node.connect({ conversation, after: 3 });
    expect(same.of("welcome")).toMatchObject([{ conversation, after: 3 }]);
    expect(same.of("message").map(({ text }) => text)).toEqual(["three", "echo: three"]);
    node.agent = "other";
    const changed = await node.connect({ conversation, after: 5 });
    expect(changed.of("welcome")).toMatchObject([{ after: -1 }]);
    await node.ask("are you there?");
    expect(changed.of("message").map(({ text }) => text)).toEqual([
      "are you there?",
      "echo: are you there?",
    ]);
  });

  it("is told to begin anew when it has more than there is", async () => {
    const node = new Node();
    await node.ask("one");
    const [welcome] = (await node.connect()).of("welcome");
    const line = await node.connect({ conversation: welcome?.conversation, after: 5 });
    expect(line.of("welcome")).toEqual([{ ...welcome, after: 5 }, welcome]);
    expect(line.of("message").map(({ text }) => text)).toEqual(["one", "echo: one"]);
    expect(line.frames.at(-1)).toEqual({ type: "live" });
  });

  it("says of answers that it had before that they arrived and were seen", async () => {
    const node = new Node();
    for (const text of ["one", "two"]) await node.ask(text);
    const { conversation = "" } = (await node.connect()).of("welcome")[0] ?? {};
    const line = await node.connect({ conversation, after: 3 });
    await node.ask("three");
    line.say({ type: "ack", index: 3 });
    line.say({ type: "read", index: 3 });
    line.say({ type: "ack", index: 5 });
    await node.settled();
    expect(node.events).toMatchObject([
      { state: "delivered", key: "t-m1.0" },
      { state: "delivered", key: "t-m2.0" },
      { state: "read", key: "t-m2.0" },
      { state: "delivered", key: "t-m3.0" },
    ]);
  });
});

describe("a message that is refused", () => {
  const id = "0123456789";

  it("with a code for a stranger is counted, and stands in no log", async () => {
    const node = new Node();
    node.access = "pair";
    const line = await node.connect();
    line.say({ type: "send", id, text: "let me in" });
    await node.settled();
    expect(line.of("error")).toMatchObject([{ id, code: "forbidden" }]);
    expect(line.of("error")[0]?.message).toContain("SECRET42");
    expect(node.logged).toEqual([]);
    expect(node.events).toEqual([{ type: "ignored", what: "forbidden" }]);
  });

  it.each(["a\0b", "a\ud800b"])("as the text %j is no text leaves the line open", async (text) => {
    const node = new Node();
    const line = await node.connect();
    line.say({ type: "send", id, text });
    line.say({ type: "send", id: "9876543210", text: "a 😀" });
    await node.settled();
    expect(line.of("error")).toMatchObject([{ id, code: "invalid_text" }]);
    expect(line.of("error")[0]).not.toHaveProperty("retryAfterMs");
    expect(line.of("accepted")).toMatchObject([{ id: "9876543210" }]);
    expect(line.closeCode).toBeUndefined();
    expect(node.events).toMatchObject([{ type: "ignored" }, { type: "message", text: "a 😀" }]);
  });
});

it("a name of a history, however long the id, fits into a hello", async () => {
  const node = new Node();
  node.conversation = "x".repeat(limits.conversationIdLength);
  const { conversation = "" } = (await node.connect()).of("welcome")[0] ?? {};
  expect(conversation.length).toBeLessThanOrEqual(webchatLimits.historyNameChars);
  expect((await node.connect({ conversation })).closeCode).toBeUndefined();
});
