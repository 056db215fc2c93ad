import { HoldfastError } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Client, createClient } from "./client.ts";
import { type FakeNode, startFakeNode } from "./testing/index.ts";

const to = { organization: "demo", agent: "greeter", conversation: "c1" };
const organization = { kind: "Organization", name: "demo" } as const;
const agent = { kind: "Agent", organization: "demo", name: "greeter", model: "default" } as const;

let node: FakeNode;
let client: Client;
beforeEach(async () => {
  node = await startFakeNode();
  client = createClient({ url: `${node.url}/`, token: node.token });
  await client.apply([organization, agent]);
});
afterEach(() => node.close());

async function failure(call: Promise<unknown>): Promise<HoldfastError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof HoldfastError) return thrown;
  throw new Error("expected a HoldfastError", { cause: thrown });
}

function errorBody(code: string, more: object = {}): string {
  return JSON.stringify({
    error: { code, message: "No.", retry: "safe", requestId: "r", ...more },
  });
}

describe("resources", () => {
  it("creates, reads, lists by page and deletes", async () => {
    const applied = await client.put({ ...agent, name: "second" });
    expect(applied).toMatchObject({ change: "created", name: "second" });
    expect(await client.get({ kind: "Agent", organization: "demo", name: "second" })).toMatchObject(
      {
        model: "default",
      },
    );
    const first = await client.list("Agent", "demo", { limit: 1 });
    expect(first.items.map((item) => item.name)).toEqual(["greeter"]);
    const rest = await client.list("Agent", "demo", { after: first.next ?? "", limit: 1 });
    expect(rest).toMatchObject({ items: [{ name: "second" }] });
    await client.delete({ kind: "Agent", organization: "demo", name: "second" });
    const gone = client.get({ kind: "Agent", organization: "demo", name: "second" });
    expect(await failure(gone)).toMatchObject({ code: "not_found", status: 404 });
  });

  it("gives the faults of an apply with their paths", async () => {
    const error = await failure(client.apply([{ ...agent, organization: "other" }]));
    expect(error.code).toBe("invalid_resource");
    expect(error.details).toEqual([
      { path: "resources[0].organization", message: "there is no organization other" },
    ]);
  });
});

describe("errors", () => {
  it("refuses without the right token and never shows the token", async () => {
    const stranger = createClient({ url: node.url, token: "hf_wrong" });
    const error = await failure(stranger.list("Organization"));
    expect(error.code).toBe("unauthenticated");
    expect(String(error)).not.toContain("hf_wrong");
  });

  it("turns a proxy's page and an unknown code into errors by their status", async () => {
    node.fail({ type: "answer", status: 413, body: "<html>too big</html>" });
    expect(await failure(client.list("Organization"))).toMatchObject({ code: "payload_too_large" });
    node.fail({ type: "answer", status: 403, body: errorBody("policy_denied") });
    expect(await failure(client.list("Organization"))).toMatchObject({
      code: "forbidden",
      message: "No. (policy_denied)",
    });
  });

  it("says that a page is no node", async () => {
    node.fail({ type: "answer", status: 200, body: "<html>hello</html>" });
    const once = createClient({ url: node.url, token: node.token, attempts: 1 });
    expect(await failure(once.list("Organization"))).toMatchObject({ code: "node_unreachable" });
  });

  it("says that no node answers", async () => {
    const closed = await startFakeNode();
    await closed.close();
    const lost = createClient({ url: closed.url, attempts: 1 });
    const error = await failure(lost.list("Organization"));
    expect(error.code).toBe("node_unreachable");
    expect(error.message).toContain("ECONNREFUSED");
  });
});

describe("retries", () => {
  it("repeats a read after Retry-After and after a broken connection", async () => {
    node.fail(
      {
        type: "answer",
        status: 429,
        body: errorBody("rate_limited"),
        headers: { "retry-after": "0" },
      },
      { type: "break" },
    );
    expect((await client.list("Organization")).items).toHaveLength(1);
    expect(node.requests).toHaveLength(4);
  });

  it("hands over a Retry-After that is too long to wait for", async () => {
    node.fail({
      type: "answer",
      status: 503,
      body: errorBody("not_ready"),
      headers: { "retry-after": "3600" },
    });
    const error = await failure(client.list("Organization"));
    expect(error).toMatchObject({ code: "not_ready", retryAfterMs: 3_600_000 });
  });

  it("sends a message once, however often its answer is lost", async () => {
    node.fail({ type: "break-after" }, { type: "break-after" });
    const sent = await client.send(to, "hello");
    expect(sent).toMatchObject({ id: "message-1", duplicate: true, conversation: "c1" });
    const keys = node.requests.slice(1).map((request) => request.headers["idempotency-key"]);
    expect(new Set(keys)).toEqual(new Set([sent.key]));
    expect(keys).toHaveLength(3);
  });

  it("never repeats what would take effect twice", async () => {
    node.fail({ type: "break-after" });
    expect(await failure(client.createToken({ name: "ci" }))).toMatchObject({
      code: "node_unreachable",
    });
    expect(node.state.tokens).toHaveLength(1);
    node.fail({ type: "break" });
    const deletion = client.delete({ kind: "Agent", organization: "demo", name: "greeter" });
    expect(await failure(deletion)).toMatchObject({ code: "node_unreachable" });
  });

  it("stops at the caller's signal", async () => {
    const aborted = client.list("Organization", undefined, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("conversations", () => {
  it("asks, and reads the history in order over pages", async () => {
    const answer = await client.ask(to, "hello");
    expect(answer).toMatchObject({ reply: "You said: hello", duplicate: false, finish: "stop" });
    await client.ask(to, "again");
    const texts: string[] = [];
    for await (const message of client.historyAll(to, { limit: 3 })) texts.push(message.text);
    expect(texts).toEqual(["hello", "You said: hello", "again", "You said: again"]);
    expect((await client.history(to, { after: 1, limit: 1 })).messages[0]?.text).toBe("again");
  });

  it("goes on waiting with the same key when the node breaks off", async () => {
    node.fail({ type: "break-after" }, { type: "break" });
    const answer = await client.ask(to, "hello", { key: "k1", waitMs: 10_000 });
    expect(answer).toMatchObject({ reply: "You said: hello", key: "k1" });
    expect(node.state.conversations.get("demo/greeter/c1")?.messages).toHaveLength(2);
  });

  it("ends a wait that is over with wait_timeout", async () => {
    node.state.waitTimesOut = true;
    const error = await failure(client.ask(to, "hello", { waitMs: 50 }));
    expect(error.code).toBe("wait_timeout");
  });

  it("passes on what made the message impossible", async () => {
    const error = await failure(client.ask({ ...to, agent: "nobody" }, "hello"));
    expect(error.code).toBe("agent_not_found");
  });
});

describe("administration", () => {
  it("creates, lists and revokes join tokens", async () => {
    const made = await client.createJoinToken({ role: "store" });
    expect(made).toMatchObject({ id: "join-1", role: "store", token: "hfj_secret" });
    expect(await client.joinTokens()).toMatchObject([{ id: "join-1", state: "open" }]);
    await client.revokeJoinToken("join-1");
    await expect(client.revokeJoinToken("join-1")).rejects.toMatchObject({
      code: "token_not_found",
    });
  });

  it("creates, lists and revokes tokens, of the node and of an organization", async () => {
    expect(await client.createToken({ name: "ci" }, "demo")).toMatchObject({
      token: "hf_secret",
      organization: "demo",
    });
    const { items } = await client.tokens();
    expect(items.map((token) => token.id)).toEqual(["token-1"]);
    await client.revokeToken("token-1");
    expect((await client.tokens("demo")).items).toEqual([]);
  });

  it("says whether the node is ready, and why not", async () => {
    expect(await client.readiness()).toMatchObject({ ready: true });
    node.state.ready = false;
    expect(await client.readiness()).toMatchObject({
      ready: false,
      checks: [{ name: "engine", ok: false, detail: "no leader" }],
    });
  });
});
