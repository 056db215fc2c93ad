import {
  type AgentName,
  type ConversationId,
  type ConversationRef,
  type OrganizationName,
} from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentNames } from "./agent-names.ts";
import { gatewayLimits } from "./limits.ts";
import { conversationOf, sessionKeyOf } from "./session-keys.ts";
import { giveShortPages } from "./testing/short-pages.ts";
import {
  type Frame,
  openClient,
  startTestGateway,
  type TestClient,
  type TestGateway,
} from "./testing/test-gateway.ts";

let gateway: TestGateway;
let client: TestClient;

beforeEach(async () => {
  gateway = await startTestGateway();
  client = await openClient(gateway.url, gateway.demo);
});

afterEach(async () => {
  await client.close();
  await gateway.close();
});

const main = "agent:greeter:main";
const textsOf = (messages: Frame[]) => messages.map(({ content }) => content[0].text);
const send = (by: TestClient, message: string, key: string, sessionKey = main) =>
  by.call("chat.send", { sessionKey, message, idempotencyKey: key });

function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { gate: promise, release: resolve };
}

describe("agent", () => {
  it("answers twice on one id", async () => {
    const [accepted, last] = await client.agent({
      agentId: "greeter",
      message: "hi",
      idempotencyKey: "k1",
      deliver: false,
      timeout: 60,
    });
    expect(accepted.payload).toMatchObject({ runId: "k1", status: "accepted", sessionKey: main });
    expect(last.payload).toMatchObject({
      runId: "k1",
      status: "ok",
      summary: "completed",
      result: { payloads: [{ text: "echo: hi", mediaUrl: null }] },
    });
    expect((await client.call("agent.wait", { runId: "k1" })).payload.status).toBe("ok");
  });

  it("does one thing for one key, and refuses another text under it", async () => {
    const params = { agentId: "greeter", message: "hi", idempotencyKey: "k1" };
    const [, first] = await client.agent(params);
    const again = await openClient(gateway.url, gateway.demo);
    const [, second] = await again.agent(params);
    expect(second.payload.result.payloads).toEqual(first.payload.result.payloads);
    expect(gateway.conversations.submitted).toHaveLength(1);
    const other = await again.call("agent", { ...params, message: "ho" });
    expect(other.error).toMatchObject({ code: "INVALID_REQUEST" });
    await again.close();
  });

  it("tells of a turn that failed for good, and waits for one that is tried again", async () => {
    gateway.conversations.answer = () => ({ fail: { code: "model_empty", message: "no answer" } });
    const id = { agentId: "greeter", message: "hi", idempotencyKey: "k1" };
    const [, last] = await client.agent(id);
    expect(last).toMatchObject({ ok: false, error: { message: "no answer" } });
  });

  it("ends with a timeout when its client names one, and the message stays", async () => {
    const { gate, release } = held();
    gateway.conversations.answer = () => ({ gate, text: "late" });
    const params = { agentId: "greeter", message: "hi", idempotencyKey: "k1", timeout: 0.05 };
    const [, last] = await client.agent(params);
    expect(last.payload).toMatchObject({ status: "timeout", runId: "k1" });
    release();
    const history = () => client.call("chat.history", { sessionKey: main });
    await expect
      .poll(async () => textsOf((await history()).payload.messages))
      .toEqual(["hi", "late"]);
  });

  it.each([
    ["an unknown agent", { agentId: "nobody" }, "UNKNOWN_AGENT_ID"],
    ["another organization's agent", { agentId: "other_greeter" }, "UNKNOWN_AGENT_ID"],
    ["a choice where several are", {}, "AGENT_SELECTION_REQUIRED"],
  ])("refuses %s", async (_, more, code) => {
    const answer = await client.call("agent", { message: "hi", idempotencyKey: "k", ...more });
    expect(answer.error).toMatchObject({ code: "INVALID_REQUEST", details: { code } });
  });

  it.each([
    ["attachments", { attachments: [{ type: "image" }] }],
    ["another model", { model: "gpt" }],
    ["delivery to a channel", { deliver: true }],
    ["an empty message", { message: " " }],
  ])("refuses %s instead of leaving it out", async (_, more) => {
    const params = { agentId: "greeter", message: "hi", idempotencyKey: "k", ...more };
    expect((await client.call("agent", params)).ok).toBe(false);
    expect(gateway.conversations.submitted).toHaveLength(0);
  });
});

describe("what cannot be done", () => {
  const wishes = [{ attachments: [{ type: "image" }] }, { model: "openai/x" }, { deliver: true }];
  const message = { message: "hi", idempotencyKey: "k" };
  it.each([
    ["chat.send", { sessionKey: main, ...message }],
    ["sessions.send", { key: main, ...message }],
    ["sessions.create", { key: main, ...message }],
  ])("is refused by %s instead of left out", async (method, params) => {
    for (const wish of wishes) {
      expect((await client.call(method, { ...params, ...wish })).ok).toBe(false);
    }
    expect(gateway.conversations.submitted).toHaveLength(0);
    const harmless = { attachments: [], model: "", deliver: false };
    expect((await client.call(method, { ...params, ...harmless })).ok).toBe(true);
  });
});

describe("chat", () => {
  it("streams a run to every client of the session, the answer to chat.send first", async () => {
    const { gate, release } = held();
    gateway.conversations.answer = () => ({ deltas: ["Hel", "lo"], gate, text: "Hello!" });
    const watcher = await openClient(gateway.url, gateway.demo);
    expect((await watcher.call("chat.history", { sessionKey: main })).payload.messages).toEqual([]);
    const { payload } = await send(client, "hi", "k1");
    expect(payload).toEqual({ runId: "k1", status: "started" });
    const delta = await watcher.event("chat", ({ state }) => state === "delta");
    expect(delta).toMatchObject({
      runId: "k1",
      sessionKey: main,
      agentId: "greeter",
      deltaText: "Hello",
    });
    expect(delta.message.content).toEqual([{ type: "text", text: "Hello" }]);
    const midway = (await watcher.call("chat.history", { sessionKey: main })).payload;
    expect(midway).toMatchObject({ inFlightRun: { runId: "k1", text: "Hello" } });
    release();
    for (const each of [client, watcher]) {
      const final = await each.event("chat", ({ state }) => state === "final");
      expect(final).toMatchObject({ runId: "k1", stopReason: "stop" });
      expect(textsOf([final.message])).toEqual(["Hello!"]);
    }
    const kinds = client.frames.map((frame) => frame.payload?.state ?? frame.type);
    expect(kinds.indexOf("final")).toBeGreaterThan(kinds.lastIndexOf("res"));
    const ends = watcher.frames.filter(
      ({ event, payload: of }) => event === "chat" && of.state === "final",
    );
    expect(ends).toHaveLength(1);
    await watcher.close();
  });

  it("keeps sequence numbers without gaps on each connection and in each run", async () => {
    gateway.conversations.answer = () => ({ deltas: ["a"], text: "a" });
    for (const key of ["k1", "k2"]) {
      await send(client, key, key);
      await client.event("chat", ({ state, runId }) => state === "final" && runId === key);
    }
    const events = client.frames.filter(({ type, seq }) => type === "event" && seq !== undefined);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const run = events.filter(({ payload }) => payload.runId === "k1" && payload.seq !== undefined);
    expect(run.map(({ payload }) => payload.seq)).toEqual(run.map((_, index) => index + 1));
  });

  it("shows what others do in a session that is open here", async () => {
    await client.call("chat.history", { sessionKey: main });
    const ref = refOf("demo", "greeter", "main");
    await gateway.conversations.submit({
      ...ref,
      content: { type: "text", text: "from elsewhere" },
    });
    const final = await client.event("chat", ({ state }) => state === "final");
    expect(textsOf([final.message])).toEqual(["echo: from elsewhere"]);
    expect(final.runId).toMatch(/^turn-/);
  });

  it("ends for its clients when it is aborted, and the turn goes on", async () => {
    const { gate, release } = held();
    gateway.conversations.answer = () => ({ deltas: ["so far"], gate, text: "all of it" });
    await send(client, "hi", "k1");
    await client.event("chat", ({ state }) => state === "delta");
    const aborted = await client.call("chat.abort", { sessionKey: main, runId: "k1" });
    expect(aborted.payload).toEqual({ ok: true, aborted: true, runIds: ["k1"] });
    const event = await client.event("chat", ({ state }) => state === "aborted");
    expect(textsOf([event.message])).toEqual(["so far"]);
    release();
    const history = () => client.call("chat.history", { sessionKey: main });
    await expect
      .poll(async () => textsOf((await history()).payload.messages))
      .toEqual(["hi", "all of it"]);
    expect(client.frames.some(({ payload }) => payload?.state === "final")).toBe(false);
    const none = await client.call("chat.abort", { sessionKey: main });
    expect(none.payload).toEqual({ ok: true, aborted: false, runIds: [] });
  });

  it("gives the newest of a long history, and the rest in parts", async () => {
    for (let count = 0; count < 5; count += 1) {
      await client.agent({ sessionKey: main, message: `m${count}`, idempotencyKey: `k${count}` });
    }
    const last = (await client.call("chat.history", { sessionKey: main, limit: 3 })).payload;
    expect(textsOf(last.messages)).toEqual(["echo: m3", "m4", "echo: m4"]);
    expect(last).toMatchObject({ hasMore: true, nextOffset: 3, totalMessages: 10 });
    const before = { sessionKey: main, limit: 3, offset: 3 };
    const earlier = (await client.call("chat.history", before)).payload;
    expect(textsOf(earlier.messages)).toEqual(["m2", "echo: m2", "m3"]);
    const own = { idempotencyKey: "k4", runId: "k4" };
    expect(last.messages[1]).toMatchObject({ __openclaw: own });
    const cut = (await client.call("chat.history", { sessionKey: main, limit: 1, maxChars: 4 }))
      .payload;
    expect(textsOf(cut.messages)).toEqual(["echo\n[cut]"]);
  });

  it("gives the newest also where the owner gives fewer at a time", async () => {
    for (let count = 0; count < 5; count += 1) {
      await client.agent({ sessionKey: main, message: `m${count}`, idempotencyKey: `k${count}` });
    }
    giveShortPages(gateway.conversations, 2);
    const newest = (await client.call("chat.history", { sessionKey: main, limit: 7 })).payload;
    expect(textsOf(newest.messages)).toEqual([
      "echo: m1",
      "m2",
      "echo: m2",
      "m3",
      "echo: m3",
      "m4",
      "echo: m4",
    ]);
    expect(newest).toMatchObject({ hasMore: true, nextOffset: 7, totalMessages: 10 });
    const before = { sessionKey: main, offset: newest.nextOffset };
    const oldest = (await client.call("chat.history", before)).payload;
    expect(textsOf(oldest.messages)).toEqual(["m0", "echo: m0", "m1"]);
    expect(oldest.hasMore).toBe(false);
  });

  it("accepts what one connection sends to a session in the order in which it came", async () => {
    const { gate, release } = held();
    const ask = gateway.conversations.ask.bind(gateway.conversations);
    gateway.conversations.ask = async (message, signal) => {
      if (JSON.stringify(message.content).includes("long")) await gate;
      return ask(message, signal);
    };
    const first = send(client, "long", "k1");
    const params = { sessionKey: main, message: "short", idempotencyKey: "k2" };
    const second = client.call("agent", params);
    // Nothing else waits for them.
    expect((await send(client, "elsewhere", "k3", "agent:writer:main")).ok).toBe(true);
    expect((await client.call("chat.history", { sessionKey: main })).ok).toBe(true);
    release();
    await Promise.all([first, second]);
    const texts = gateway.conversations.submitted.map(
      ({ content }) => "text" in content && content.text,
    );
    expect(texts).toEqual(["elsewhere", "long", "short"]);
  });

  it("tells of every message where that is asked for, of the last that were asked for", async () => {
    const keys = Array.from(
      { length: gatewayLimits.sessionsPerConnection + 1 },
      (_, index) => `agent:greeter:s${index}`,
    );
    for (const key of keys) {
      const { payload } = await client.call("sessions.messages.subscribe", { key });
      expect(payload).toEqual({ subscribed: true, key });
    }
    await send(client, "hi", "k0", keys[0]);
    await client.event("chat", ({ state }) => state === "final");
    await send(client, "hi", "k1", keys.at(-1));
    const said = await client.event("session.message");
    expect(said.sessionKey).toBe(keys.at(-1));
  });

  it("tells of every message where that is asked for", async () => {
    await client.call("sessions.messages.subscribe", { key: main });
    await send(client, "hi", "k1");
    const said = await client.event(
      "session.message",
      ({ message }) => message.role === "assistant",
    );
    expect(textsOf([said.message])).toEqual(["echo: hi"]);
  });
});

describe("sessions", () => {
  it("are listed, the newest first, on whichever node they were begun", async () => {
    for (const [agent, key] of [
      ["greeter", "main"],
      ["writer", "Notes 1/2"],
    ] as const) {
      const sessionKey = `agent:${agent}:${key}`;
      await client.agent({ sessionKey, message: `to ${agent}`, idempotencyKey: key });
    }
    const elsewhere = await startTestGateway({
      conversations: gateway.conversations,
      keyValue: gateway.keyValue,
      tokens: gateway.tokens,
    });
    const other = await openClient(elsewhere.url, gateway.demo);
    const keys = async (params: object) => {
      const { payload } = await other.call("sessions.list", params);
      return payload.sessions.map(({ key }: Frame) => key).sort();
    };
    await expect.poll(() => keys({})).toEqual([main, "agent:writer:Notes 1/2"]);
    expect(await keys({ agentId: "writer" })).toEqual(["agent:writer:Notes 1/2"]);
    expect(await keys({ search: "NOTES" })).toEqual(["agent:writer:Notes 1/2"]);
    const { payload } = await other.call("sessions.list", { includeLastMessage: true, limit: 1 });
    expect(payload).toMatchObject({ count: 1, totalCount: 2, hasMore: true });
    expect(payload.sessions[0].lastMessagePreview).toBe("echo: to writer");
    await other.close();
    await elsewhere.close();
  });

  it("are described, resolved and previewed by their keys", async () => {
    await client.agent({ sessionKey: main, message: "hi", idempotencyKey: "k" });
    expect((await client.call("sessions.describe", { key: main })).payload.session).toMatchObject({
      key: main,
      sessionId: "main",
      agentId: "greeter",
      isMain: true,
      hasActiveRun: false,
    });
    const none = { key: "agent:greeter:none" };
    expect((await client.call("sessions.describe", none)).payload.session).toBeNull();
    expect((await client.call("sessions.resolve", { key: main })).payload.key).toBe(main);
    const missing = await client.call("sessions.resolve", { ...none, allowMissing: true });
    expect(missing.payload).toEqual({ ok: false });
    const { payload } = await client.call("sessions.preview", { keys: [main, none.key] });
    expect(payload.previews.map(({ status }: Frame) => status)).toEqual(["ok", "missing"]);
  });

  it("tell who follows them that a run began and ended", async () => {
    await client.call("sessions.subscribe", {});
    await send(client, "hi", "k1");
    const end = await client.event("sessions.changed", ({ phase }) => phase === "end");
    expect(end).toMatchObject({ runId: "k1", sessionKey: main, hasActiveRun: false });
  });
});

describe("session keys", () => {
  const names = () =>
    new AgentNames(gateway.resources, { id: "t", name: "t", organization: "demo", createdAt: 0 });

  it.each([
    ["agent:greeter:main", "main"],
    ["agent:greeter:telegram:group:-100123:topic:7", "telegram:group:-100123:topic:7"],
    ["agent:greeter:Notes 1/2", "key~Notes~201~2f2"],
    ["agent:greeter:~", "key~~7e"],
    ["agent:greeter:key~x", "key~key~7ex"],
    ["agent:greeter:Grüße 🦀", undefined],
  ])("%s names a conversation, and the other way round", (key, conversation) => {
    const ref = conversationOf(names(), key, undefined);
    if (conversation !== undefined) expect(ref.conversation).toBe(conversation);
    expect(sessionKeyOf(names(), ref)).toBe(key);
  });

  it.each([
    ["/", 65],
    ["ü", 32],
    ["🦀", 16],
  ])("fit with as many %s as the documentation says", (char, most) => {
    const keyOf = (count: number) => `agent:greeter:${char.repeat(count)}`;
    const ref = conversationOf(names(), keyOf(most), undefined);
    expect(sessionKeyOf(names(), ref)).toBe(keyOf(most));
    expect(() => conversationOf(names(), keyOf(most + 1), undefined)).toThrow("too long");
  });

  it("without an agent belong to the one that is named beside", () => {
    const ref = conversationOf(names(), "notes", "writer");
    expect(ref).toMatchObject({ agent: "writer", conversation: "notes" });
    expect(() => conversationOf(names(), main, "writer")).toThrow("another agent");
    expect(() => conversationOf(names(), "x".repeat(600), "writer")).toThrow("too long");
  });
});

describe("an administrator", () => {
  it("names agents with their organization where there are several", async () => {
    const admin = await openClient(gateway.url, gateway.admin);
    const { payload } = await admin.call("agents.list");
    const ids = payload.agents.map(({ id }: Frame) => id);
    expect(ids).toEqual(["demo_greeter", "demo_writer", "other_greeter"]);
    const [, last] = await admin.agent({ agentId: "writer", message: "hi", idempotencyKey: "k" });
    expect(last.payload.sessionKey).toBe("agent:demo_writer:main");
    const both = await admin.call("agent", {
      agentId: "greeter",
      message: "hi",
      idempotencyKey: "l",
    });
    expect(both.error.message).toContain("several organizations");
    const theirs = { agentId: "other_greeter", message: "hi", idempotencyKey: "m" };
    expect((await admin.agent(theirs))[1].payload.status).toBe("ok");
    await admin.close();
  });
});

describe("what clients look at", () => {
  it.each([
    ["agents.list", { mainKey: "main", scope: "per-sender", selectionRequired: true }],
    ["agent.identity.get", { agentId: "greeter", name: "greeter" }],
    ["models.list", { models: [{ id: "default" }, { id: "gpt-x", provider: "openai" }] }],
    ["health", { ok: true, agents: [{ agentId: "greeter" }, { agentId: "writer" }] }],
    ["status", { runtimeVersion: "1.2.3", sessions: { count: 0 } }],
    ["channels.status", { channelOrder: [] }],
    ["commands.list", { commands: [] }],
    ["question.list", { questions: [] }],
  ])("%s", async (method, expected) => {
    const params = method === "agent.identity.get" ? { agentId: "greeter" } : {};
    expect((await client.call(method, params)).payload).toMatchObject(expected);
  });

  it("is nobody else's: presence shows clients of the own organization", async () => {
    const admin = await openClient(gateway.url, gateway.admin);
    const { payload } = await client.call("system-presence");
    expect(payload.map(({ mode }: Frame) => mode)).toEqual(["gateway", "cli"]);
    expect(JSON.stringify(payload)).not.toContain("admin");
    await admin.close();
  });

  it("says when the node does not process messages", async () => {
    gateway.readiness.ready = false;
    gateway.readiness.checks = [{ name: "engine", ok: false, detail: "no connection" }];
    const { error } = await client.call("health");
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(error.message).toContain("engine: no connection");
  });
});

function refOf(organization: string, agent: string, conversation: string): ConversationRef {
  return {
    organization: organization as OrganizationName,
    agent: agent as AgentName,
    conversation: conversation as ConversationId,
  };
}
