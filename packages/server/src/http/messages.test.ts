import type { AgentName, ConversationId, OrganizationName, StoredMessage } from "@holdfast/core";
import { HoldfastError, limits } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi({ shutdownMs: 400, heartbeatMs: 50 });
});
afterEach(() => api.close());

const base = "/api/v1/orgs/demo/agents/greeter/conversations/c1";
const ref = {
  organization: "demo" as OrganizationName,
  agent: "greeter" as AgentName,
  conversation: "c1" as ConversationId,
};

function post(text: string, headers: Record<string, string> = {}) {
  return api.call("POST", `${base}/messages`, { body: { text }, token: api.demo, headers });
}

describe("messages", () => {
  test("202 once durable, and the same key takes effect once", async () => {
    const first = await post("hi", { "idempotency-key": "k1" });
    expect([first.status, first.json]).toEqual([
      202,
      { id: "m1", duplicate: false, conversation: "c1" },
    ]);
    const again = await post("hi", { "idempotency-key": "k1" });
    expect(again.json).toEqual({ id: "m1", duplicate: true, conversation: "c1" });
    const conflict = await post("ho", { "idempotency-key": "k1" });
    expect([conflict.status, conflict.json.error.code]).toEqual([409, "idempotency_conflict"]);
  });

  test("Prefer: wait gives the answer", async () => {
    const answer = await post("hi", { prefer: "respond-async, wait=5" });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      id: "m1",
      conversation: "c1",
      reply: "echo: hi",
      finish: "stop",
      usage: { inputTokens: 3, outputTokens: 4 },
      messages: [{ role: "user", text: "hi" }, { role: "assistant" }],
    });
    const duplicate = async () =>
      (await post("one", { prefer: "wait=5", "idempotency-key": "k" })).json;
    expect((await duplicate()).reply).toBe((await duplicate()).reply);
    expect((await post("hi", { prefer: "wait=0" })).json.error.code).toBe("invalid_request");
  });

  test("a wait that is over, and a turn that fails", async () => {
    const gate = Promise.withResolvers<void>();
    api.conversations.answer = () => ({ gate: gate.promise });
    const late = await post("hi", { prefer: "wait=1" });
    expect([late.status, late.json.error]).toMatchObject([
      504,
      { code: "wait_timeout", retry: "unknown-outcome" },
    ]);
    gate.resolve();
    api.conversations.answer = () => ({ fail: { code: "dead_lettered", message: "Five times." } });
    const failed = await post("hi", { prefer: "wait=5" });
    expect([failed.status, failed.json.error.code]).toEqual([502, "dead_lettered"]);
  });

  test("history in order, page by page", async () => {
    for (const text of ["a", "b", "c"]) await post(text, { prefer: "wait=5" });
    const page = await api.call("GET", `${base}/messages?after=1&limit=3`);
    expect(page.json.newest).toBe(5);
    expect(page.json.messages.map(({ text }: StoredMessage) => text)).toEqual([
      "b",
      "echo: b",
      "c",
    ]);
    const absent = await api.call("GET", `${base.replace("c1", "c2")}/messages`);
    expect(absent.json.error.code).toBe("conversation_not_found");
    const wrong = await api.call("GET", `${base}/messages?after=x&limit=0&z=1`);
    expect(wrong.json.error.details.map(({ path }: { path: string }) => path)).toEqual([
      "after",
      "limit",
      "z",
    ]);
  });

  test("backpressure is told with Retry-After", async () => {
    api.conversations.refuse = new HoldfastError("node_busy", "Full.", { retryAfterMs: 100 });
    const refused = await post("hi");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  });
});

interface SseItem {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: { index?: number; messages?: StoredMessage[]; error?: { code: string } };
}

/** The events of a stream, read one by one. */
async function listen(query = "", headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const response = await fetch(`${api.url}${base}/events${query}`, {
    headers: { authorization: `Bearer ${api.demo}`, ...headers },
    signal: abort.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const comments: string[] = [];
  const next = async (): Promise<SseItem | undefined> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end >= 0) {
        const lines = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        const field = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field("data");
        if (data === undefined) comments.push(lines.join("\n"));
        else return { event: field("event") ?? "", id: field("id"), data: JSON.parse(data) };
        continue;
      }
      const { done, value } = await reader.read();
      if (done) return undefined;
      text += value;
    }
  };
  return { response, next, comments, abort: () => abort.abort() };
}

describe("events", () => {
  test("live events of a conversation that begins while one watches", async () => {
    const events = await listen();
    expect(events.response.headers.get("content-type")).toContain("text/event-stream");
    expect(events.response.headers.get("x-request-id")).toMatch(/^req-/);
    api.conversations.answer = () => ({ deltas: ["Hel", "lo"] });
    await post("hi");
    const got = [];
    for (let i = 0; i < 4; i += 1) got.push(await events.next());
    expect(got.map((item) => item?.event)).toEqual(["started", "delta", "delta", "committed"]);
    expect(got[3]?.id).toBe("1");
    events.abort();
  });

  test("what was missed comes first, without gap or double", async () => {
    for (const text of ["a", "b", "c"]) await post(text, { prefer: "wait=5" });
    const events = await listen("", { "last-event-id": "1" });
    for (const index of [2, 3, 4, 5]) {
      expect(await events.next()).toMatchObject({
        event: "message",
        id: String(index),
        data: { index },
      });
    }
    // A commit that the history gave already is not told again.
    const { messages } = await api.conversations.history(ref, { after: 3, limit: 10 });
    const usage = { inputTokens: 0, outputTokens: 0 };
    const commit = { type: "committed", inputs: [], finish: "stop", usage, model: "m" } as const;
    api.conversations.emit(ref, { ...commit, turn: messages[0]!.turn!, messages });
    await post("d");
    expect((await events.next())?.event).toBe("started");
    expect(await events.next()).toMatchObject({ event: "committed", id: "7" });
    events.abort();
  });

  test("messages that come between listening and reading are told once", async () => {
    await post("a", { prefer: "wait=5" });
    const history = api.conversations.history.bind(api.conversations);
    api.conversations.history = async (of, range) => {
      if (range.after === -1) {
        await post("between", { prefer: "wait=5" });
      }
      return await history(of, range);
    };
    const events = await listen("?after=-1");
    const indexes: unknown[] = [];
    await post("after", { prefer: "wait=5" });
    while (indexes.length < 6) {
      const item = await events.next();
      if (item?.event === "message") indexes.push(item.data.index);
      if (item?.event === "committed") {
        indexes.push(...item.data.messages!.map(({ index }) => index));
      }
    }
    expect(indexes).toEqual([0, 1, 2, 3, 4, 5]);
    events.abort();
  });

  test("a commit that got lost on the way is read from the history", async () => {
    const events = await listen("?after=-1");
    const emit = api.conversations.emit.bind(api.conversations);
    api.conversations.emit = () => {};
    await post("lost", { prefer: "wait=5" });
    api.conversations.emit = emit;
    await post("seen", { prefer: "wait=5" });
    const got = [];
    for (let i = 0; i < 4; i += 1) got.push((await events.next())?.event);
    expect(got).toEqual(["started", "message", "message", "committed"]);
    events.abort();
  });

  test("silence is filled with comments, and leaving ends the subscription", async () => {
    const left = Promise.withResolvers<void>();
    const subscribe = api.conversations.subscribe.bind(api.conversations);
    api.conversations.subscribe = (of, hear) => {
      const stop = subscribe(of, hear);
      return () => {
        stop();
        left.resolve();
      };
    };
    const events = await listen();
    const beats = Promise.withResolvers<void>();
    const first = events.next();
    const timer = setInterval(() => {
      if (events.comments.length >= 3) beats.resolve();
    }, 10);
    await beats.promise;
    clearInterval(timer);
    expect(events.comments).toContain(": waiting");
    events.abort();
    await expect(first).rejects.toThrow();
    await left.promise;
    expect(api.conversations.watchers(ref)).toBe(0);
  });

  test("a client that is too slow is cut with an error", async () => {
    const events = await listen();
    const text = "x".repeat(limits.streamBufferBytes / 4);
    for (let i = 0; i < 40; i += 1) {
      api.conversations.emit(ref, { type: "delta", turn: "t" as never, text });
    }
    let last: SseItem | undefined;
    for (let item = await events.next(); item; item = await events.next()) last = item;
    expect(last).toMatchObject({ event: "error", data: { error: { code: "stream_too_slow" } } });
  });

  test("errors before the stream are ordinary answers", async () => {
    const absent = await api.call("GET", `${base.replace("greeter", "nobody")}/events`);
    expect([absent.status, absent.json.error.code]).toEqual([404, "agent_not_found"]);
    api.conversations.history = () =>
      Promise.reject(new HoldfastError("engine_unavailable", "Away.", { retryAfterMs: 1_000 }));
    const away = await api.call("GET", `${base}/events?after=-1`);
    expect([away.status, away.json.error.code]).toEqual([503, "engine_unavailable"]);
  });
});

describe("stopping", () => {
  test("event streams get a last event, what waits gets its time, new requests are refused", async () => {
    await api.close();
    api = await startTestApi({ shutdownMs: 20_000 });
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    api.conversations.answer = () => {
      begun.resolve();
      return { gate: gate.promise, text: "in time" };
    };
    const events = await listen();
    const waiting = post("hi", { prefer: "wait=10" });
    await begun.promise;
    const closing = api.close();
    expect((await events.next())?.event).toBe("started");
    let last: SseItem | undefined;
    for (let item = await events.next(); item; item = await events.next()) last = item;
    expect(last).toMatchObject({ event: "error", data: { error: { code: "not_ready" } } });
    gate.resolve();
    expect((await waiting).json.reply).toBe("in time");
    // No connection that was kept alive holds it up.
    const answered = performance.now();
    await closing;
    expect(performance.now() - answered).toBeLessThan(5_000);
    await expect(fetch(`${api.url}/healthz`)).rejects.toThrow();
  });

  test("what does not end within shutdownMs is cut", async () => {
    const begun = Promise.withResolvers<void>();
    api.conversations.answer = () => {
      begun.resolve();
      return { gate: new Promise(() => {}), deltas: [] };
    };
    const waiting = post("hi", { prefer: "wait=60" });
    await begun.promise;
    const started = performance.now();
    const [answer] = await Promise.all([waiting, api.close()]);
    expect(answer.json.error.code).toBe("wait_timeout");
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
