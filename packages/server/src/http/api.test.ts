import { connect } from "node:net";
import { errorCatalog, limits } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi({ requestTimeoutMs: 300, headersTimeoutMs: 300 });
});
afterEach(() => api.close());

const messages = "/api/v1/orgs/demo/agents/greeter/conversations/c1/messages";

describe("the node's own routes", () => {
  test("health, readiness and metrics", async () => {
    expect((await api.call("GET", "/healthz", { token: null })).json).toEqual({ live: true });
    expect((await api.call("HEAD", "/healthz", { token: null })).status).toBe(200);
    expect((await api.call("GET", "/readyz", { token: null })).json.ready).toBe(true);
    api.state.readiness = {
      ready: false,
      checks: [{ name: "engine", ok: false, detail: "no leader" }],
    };
    const unready = await api.call("GET", "/readyz", { token: null });
    expect(unready.status).toBe(503);
    expect(unready.json).toMatchObject({
      ready: false,
      checks: [{ name: "engine", ok: false }],
      error: { code: "not_ready", details: [{ path: "engine", message: "no leader" }] },
    });
    expect((await api.call("GET", "/metrics", { token: null })).status).toBe(401);
    const metrics = await api.call("GET", "/metrics", { token: api.demo });
    expect(metrics.text).toBe("holdfast_turns_total 1\n");
    expect(metrics.headers.get("content-type")).toContain("text/plain");
  });

  test("openapi.json is 3.1 and knows every route, its schemas and every error", async () => {
    const { json } = await api.call("GET", "/openapi.json", { token: null });
    expect(json.openapi).toBe("3.1.0");
    const operations = Object.values(json.paths).flatMap((path) =>
      Object.values(path as Record<string, { operationId: string; responses: object }>),
    );
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).not.toContain(undefined);
    expect(Object.keys(json.paths)).toEqual(
      expect.arrayContaining([
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/api/v1/apply",
        "/api/v1/orgs/{org}",
        "/api/v1/orgs/{org}/agents/{name}",
        "/api/v1/orgs/{org}/providers/{name}",
        "/api/v1/orgs/{org}/tokens/{id}",
        "/api/v1/orgs/{org}/agents/{agent}/conversations/{id}/messages",
        "/api/v1/orgs/{org}/agents/{agent}/conversations/{id}/events",
        "/api/v1/dead-letters/{id}/replay",
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/models",
        "/v1/models/{model}",
      ]),
    );
    const table = json["x-holdfast-errors"] as { code: string; status: number }[];
    expect(table.map(({ code }) => code)).toEqual(Object.keys(errorCatalog));
    const post = json.paths["/api/v1/orgs/{org}/agents/{agent}/conversations/{id}/messages"].post;
    expect(post.responses["429"].description).toContain("conversation_busy");
    expect(post.responses["202"].content["application/json"].schema.properties).toHaveProperty(
      "id",
    );
    expect(post.requestBody.content["application/json"].schema.properties).toHaveProperty("text");
    expect(json.paths["/healthz"].get.security).toEqual([]);
    expect(json.components.schemas.Agent.properties).toHaveProperty("instructions");
    const text = JSON.stringify(json);
    expect(text).not.toContain('"nullable"');
    expect(text).not.toContain("Default Response");
    for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(json.components.schemas).toHaveProperty(name);
    }
  });

  test("a route that declares no access is refused at start", async () => {
    const { guardRoutes } = await import("./access.ts");
    const { default: Fastify } = await import("fastify");
    const { realClock } = await import("./testing/test-api.ts");
    const app = Fastify();
    guardRoutes(app, api.tokens, realClock);
    expect(() => app.get("/open", () => "")).toThrow("/open declares no access");
    expect(() => app.get("/x", { config: { access: "organization" } }, () => "")).toThrow(
      "/x names no organization",
    );
  });
});

describe("who may do what", () => {
  test("missing, malformed, unknown and revoked tokens", async () => {
    for (const headers of [
      {},
      { authorization: "Basic abc" },
      { authorization: "Bearer" },
      { authorization: `Bearer hf_${"0".repeat(40)}` },
    ] as Record<string, string>[]) {
      const refused = await api.call("GET", "/api/v1/orgs", { token: null, headers });
      expect(refused.status).toBe(401);
      expect(refused.json.error.code).toBe("unauthenticated");
      expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    }
    const created = await api.call("POST", "/api/v1/orgs/demo/tokens", { body: { name: "ci" } });
    expect(created.status).toBe(201);
    const { token, id } = created.json;
    expect((await api.call("GET", "/api/v1/orgs", { token })).status).toBe(200);
    const list = await api.call("GET", "/api/v1/orgs/demo/tokens");
    expect(list.json.items.map(({ name }: { name: string }) => name)).toEqual(["demo", "ci"]);
    expect(list.text).not.toContain("hf_");
    expect((await api.call("DELETE", `/api/v1/orgs/other/tokens/${id}`)).status).toBe(404);
    expect((await api.call("DELETE", `/api/v1/orgs/demo/tokens/${id}`)).status).toBe(204);
    expect((await api.call("GET", "/api/v1/orgs", { token })).status).toBe(401);
  });

  test("another organization cannot be told from an absent one", async () => {
    const paths = ["", "/agents", "/agents/greeter", "/providers", "/tokens", "/dead-letters"];
    for (const path of paths) {
      const [there, absent] = await Promise.all(
        ["other", "absent"].map((org) =>
          api.call("GET", `/api/v1/orgs/${org}${path}`, { token: api.demo }),
        ),
      );
      expect(there?.status).toBe(404);
      const words = (text: string) =>
        text.replaceAll(/other|absent/g, "X").replace(/"requestId":"[^"]*"/, "");
      expect(words(there?.text ?? "")).toBe(words(absent?.text ?? ""));
    }
    const orgs = await api.call("GET", "/api/v1/orgs", { token: api.demo });
    expect(orgs.json.items.map(({ name }: { name: string }) => name)).toEqual(["demo"]);
  });

  test("administrators' routes are forbidden to others", async () => {
    for (const [method, path] of [
      ["PUT", "/api/v1/orgs/demo"],
      ["DELETE", "/api/v1/orgs/demo"],
      ["GET", "/api/v1/tokens"],
      ["GET", "/api/v1/dead-letters"],
    ] as const) {
      const refused = await api.call(method, path, {
        token: api.demo,
        ...(method === "PUT" ? { body: {} } : {}),
      });
      expect(refused.json.error.code).toBe("forbidden");
    }
    const applied = await api.call("POST", "/api/v1/apply", {
      token: api.demo,
      body: {
        resources: [{ kind: "Agent", organization: "other", name: "a", model: "default" }],
      },
    });
    expect(applied.json.error).toMatchObject({ code: "invalid_resource" });
  });

  test("an organization's token declares nothing that uses the node's secrets, files or programs", async () => {
    const provider = {
      kind: "Provider",
      organization: "demo",
      name: "taker",
      type: "openai-compatible",
      baseUrl: "https://models.example.org/v1",
      headers: { type: "http", parameters: { fromEnv: "ANTHROPIC_API_KEY" } },
      apiKey: { fromFile: "/home/holdfast/admin-token" },
    };
    const transport = { type: "stdio", command: "/bin/sh", args: ["-c", "true"] };
    const agent = {
      kind: "Agent",
      organization: "demo",
      name: "runner",
      model: "default",
      tools: [{ type: "mcp", name: "shell", transport }],
    };
    const body = { resources: [provider, agent] };
    const refused = await api.call("POST", "/api/v1/apply", { token: api.demo, body });
    expect(refused.status).toBe(403);
    expect(refused.json.error.details.map(({ path }: { path: string }) => path)).toEqual([
      "resources[0].headers.parameters",
      "resources[0].apiKey",
      "resources[1].tools[0].transport",
    ]);
    const put = (token: string, path: string, resource: object) =>
      api.call("PUT", `/api/v1/orgs/demo/${path}`, { token, body: resource });
    expect((await put(api.demo, "providers/taker", provider)).status).toBe(403);
    expect((await put(api.demo, "agents/runner", agent)).status).toBe(403);
    expect((await put(api.admin, "providers/taker", provider)).status).toBe(201);
    expect((await put(api.admin, "agents/runner", agent)).status).toBe(201);
    // A tool's own argument may bear any name.
    const tool = {
      type: "http",
      name: "copy",
      description: "",
      parameters: { type: "object", properties: { fromFile: { type: "string" } } },
      url: "https://api.example.org/copy",
    };
    const harmless = { ...agent, name: "copier", tools: [tool] };
    expect((await put(api.demo, "agents/copier", harmless)).status).toBe(201);
  });

  test("an organization's tokens end with it, even if its name comes back", async () => {
    await api.call("PUT", "/api/v1/orgs/brief", { body: {} });
    const { token } = (await api.call("POST", "/api/v1/orgs/brief/tokens", { body: { name: "t" } }))
      .json;
    expect((await api.call("GET", "/api/v1/orgs/brief", { token })).status).toBe(200);
    expect((await api.call("DELETE", "/api/v1/orgs/brief")).status).toBe(204);
    await api.call("PUT", "/api/v1/orgs/brief", { body: {} });
    expect((await api.call("GET", "/api/v1/orgs/brief", { token })).status).toBe(401);
  });

  test("a token over its rate gets 429 and Retry-After", async () => {
    const { token } = await api.tokens.create({
      name: "slow",
      organization: "demo",
      requestsPerSecond: 1,
    });
    expect((await api.call("GET", "/api/v1/orgs", { token })).status).toBe(200);
    const refused = await api.call("GET", "/api/v1/orgs", { token });
    expect(refused.json.error).toMatchObject({ code: "rate_limited", retry: "safe" });
    expect(refused.headers.get("retry-after")).toBe("1");
  });
});

describe("bad input", () => {
  const post = (body: unknown, headers = {}) => api.call("POST", messages, { body, headers });

  test.each([
    ["half a document", '{"text":', "invalid_json", 400],
    ["no body", "", "invalid_request", 400],
    ["a list", "[]", "invalid_request", 400],
    ["a wrong type", '{"text":7}', "invalid_request", 400],
    ["an unknown field", '{"text":"a","more":1}', "invalid_request", 400],
    ["__proto__", '{"text":"a","__proto__":{}}', "invalid_request", 400],
    ["an escaped NUL", '{"text":"a\\u0000"}', "invalid_text", 400],
    ["an escaped lone surrogate", '{"text":"\\ud800"}', "invalid_text", 400],
    ["a lone surrogate in a name", '{"te\\ud800xt":"x"}', "invalid_text", 400],
    [
      "100,000 nested lists",
      `{"text":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      "invalid_request",
      400,
    ],
  ])("%s", async (_what, body, code, status) => {
    const refused = await post(body);
    expect(refused.json.error).toMatchObject({ code, retry: "never" });
    expect(refused.status).toBe(status);
    expect(refused.json.error.requestId).toBe(refused.headers.get("x-request-id"));
    expect(api.conversations.submitted).toHaveLength(0);
  });

  test("all faults are told at once, with their paths", async () => {
    const refused = await api.call("PUT", "/api/v1/orgs/demo/agents/new", {
      body: { model: 7, tools: [{ type: "http", name: "x y" }], colour: "red" },
    });
    const paths = refused.json.error.details.map(({ path }: { path: string }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "model",
        "tools[0].name",
        "tools[0].description",
        "tools[0].url",
        "colour",
      ]),
    );
  });

  /** Sends a body with one more item again and again until it has so many bytes. */
  function filled(head: string, item: string, tail: string, bytes: number): string {
    return (
      head +
      Array(Math.floor(bytes / (item.length + 1)))
        .fill(item)
        .join(",") +
      tail
    );
  }

  const chat = '{"model":"greeter","messages":[';
  test.each([
    ["350,000 empty messages", "/v1/chat/completions", filled(chat, "{}", "]}", 2 ** 20)],
    ["12 MB of empty messages", "/v1/chat/completions", filled(chat, "{}", "]}", 12e6)],
    ["4 MB of numbers", "/v1/responses", filled('{"model":"greeter","input":[', "1", "]}", 4e6)],
    ["4 MB of fields", messages, filled('{"text":"a",', '"a":0', "}", 4e6)],
    ["4 MB of opened lists", messages, "[".repeat(4e6)],
  ])("%s are refused before they are read", async (_what, path, body) => {
    const started = performance.now();
    const refused = await api.call("POST", path, { body, token: api.demo });
    expect([refused.status, refused.json.error.code]).toEqual([413, "payload_too_large"]);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test("what stands in texts is not counted", async () => {
    const text = '[{,\\"'.repeat(limits.jsonValues / 2);
    const sent = await post(JSON.stringify({ text }));
    expect(sent.status).toBe(202);
    expect(api.conversations.submitted[0]?.content).toEqual({ type: "text", text });
  });

  test.each([
    ["messages", { messages: Array(limits.requestItems + 1).fill(1) }],
    ["messages[0].content", { messages: [{ role: "user", content: Array(60_000).fill(1) }] }],
    ["stop", { messages: [{ role: "user", content: "a" }], stop: Array(5).fill(1) }],
  ])("a list that is too long is one fault: %s", async (path, fields) => {
    const body = { model: "greeter", ...fields };
    const refused = await api.call("POST", "/v1/chat/completions", { body, token: api.demo });
    expect(refused.status).toBe(400);
    expect(refused.json.error).toMatchObject({ code: "invalid_request", param: path });
    expect(refused.json.error.message).toMatch(/expected at most \d+, found \d+$/);
  });

  test("of many faults the first are named", async () => {
    const body = Object.fromEntries(Array.from({ length: 60_000 }, (_, n) => [`f${n}`, n]));
    const refused = await post({ text: "a", ...body });
    expect(refused.json.error.message).toBe("The body has over 50 faults.");
    expect(refused.json.error.details).toHaveLength(limits.requestFaultsNamed);
    const metaRefused = await api.call("POST", "/v1/responses", {
      body: { model: "greeter", input: "a", metadata: body },
      token: api.demo,
    });
    expect(metaRefused.json.error.message).toContain("metadata: expected at most");
    const content = Array(limits.requestItems).fill(1);
    const wrong = { model: "greeter", input: [{ role: "user", content }] };
    const answer = await api.call("POST", "/v1/responses", { body: wrong, token: api.demo });
    expect(answer.status).toBe(400);
    expect(answer.text.length).toBeLessThan(10_000);
  });

  test("a fault deep in a body is told with its path", async () => {
    const body = '{"text":"a","more":[{"a":{"b":["\\ud800"]}}]}';
    expect((await post(body)).json.error.details).toEqual([
      { path: "more[0].a.b[0]", message: "holds a lone surrogate" },
    ]);
  });

  test("a wrong content type, an unknown address, a wrong method", async () => {
    const text = await post("hello", { "content-type": "text/plain" });
    expect([text.status, text.json.error.code]).toEqual([415, "unsupported_media_type"]);
    const nowhere = await api.call("GET", "/api/v1/nowhere", { token: null });
    expect([nowhere.status, nowhere.json.error.code]).toEqual([404, "not_found"]);
    const wrong = await api.call("DELETE", messages);
    expect([wrong.status, wrong.json.error.code]).toEqual([405, "method_not_allowed"]);
    expect(wrong.headers.get("allow")).toBe("POST, GET");
    const openAi = await api.call("GET", "/v1/nowhere");
    expect(openAi.json.error).toMatchObject({ type: "invalid_request_error", param: null });
    const bad = await api.call("GET", "/api/v1/orgs/%ff");
    expect(bad.json.error.code).toBe("not_found");
  });

  test("a body over 20 MiB", async () => {
    const refused = await post(JSON.stringify({ text: "x".repeat(20 * 1024 * 1024) }));
    expect([refused.status, refused.json.error.code]).toEqual([413, "payload_too_large"]);
  });

  test("a megabyte of emoji is a text like another", async () => {
    const text = "😀".repeat(262_144);
    expect((await post({ text })).status).toBe(202);
    expect(api.conversations.submitted[0]?.content).toEqual({ type: "text", text });
  });

  test("bytes that are no UTF-8", async () => {
    const response = await fetch(api.url + messages, {
      method: "POST",
      headers: { authorization: `Bearer ${api.admin}`, "content-type": "application/json" },
      body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(await response.json()).toMatchObject({ error: { code: "invalid_text" } });
  });

  test("slow bodies get 408, large headers 431, and garbage 400", async () => {
    const head = `POST ${messages} HTTP/1.1\r\nhost: x\r\n`;
    const slow = `${head}authorization: Bearer ${api.admin}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`;
    expect(await raw(slow)).toMatch(/^HTTP\/1.1 408 [\s\S]*"request_timeout"/);
    expect(await raw(`${head}x: ${"y".repeat(40_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 [\s\S]*"headers_too_large"/,
    );
    expect(await raw("HELLO\r\n\r\n")).toMatch(/^HTTP\/1.1 400 [\s\S]*"invalid_request"/);
  });

  /** What the server says to some bytes, up to the end of the connection. */
  function raw(bytes: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(api.port, "127.0.0.1", () => socket.write(bytes));
      socket.on("data", (data) => (answer += data.toString()));
      socket.on("close", () => resolve(answer));
      socket.on("error", reject);
    });
  }
});

describe("request ids and logs", () => {
  test("a sound id is taken over, another is replaced", async () => {
    const id = async (given: string) =>
      (await api.call("GET", "/healthz", { headers: { "x-request-id": given } })).headers.get(
        "x-request-id",
      );
    expect(await id("trace-1/2")).toBe("trace-1/2");
    expect(await id("no good")).toMatch(/^req-/);
    expect(await id("x".repeat(200))).toMatch(/^req-/);
  });

  test("neither tokens nor texts stand in the log", async () => {
    await api.call("POST", messages, { body: { text: "the secret text" } });
    await api.call("POST", messages, { body: '{"text":"the secret text' });
    await api.call("POST", messages, { body: { text: "the secret text", "x the secret text": 1 } });
    const log = api.lines.join("");
    expect(log).toContain("requestId");
    expect(log).not.toContain("the secret text");
    expect(log).not.toContain(api.admin.slice(3));
  });

  test("a foreign error is internal, and says nothing of itself", async () => {
    api.conversations.submit = () => Promise.reject(new Error("inner secret"));
    const failed = await api.call("POST", messages, { body: { text: "x" } });
    expect(failed.json.error).toMatchObject({ code: "internal", retry: "unknown-outcome" });
    expect(failed.text).not.toContain("inner secret");
    expect(api.lines.join("")).toContain("inner secret");
  });
});

describe("resources", () => {
  test("put, get, page, delete", async () => {
    const path = "/api/v1/orgs/demo/agents/zeta";
    const agent = { kind: "Agent", organization: "demo", name: "zeta", model: "default" };
    const created = await api.call("PUT", path, { body: { model: "default" } });
    expect([created.status, created.json.change]).toEqual([201, "created"]);
    expect((await api.call("PUT", path, { body: agent })).status).toBe(200);
    expect((await api.call("GET", path)).json).toEqual(agent);
    const other = await api.call("PUT", path, { body: { ...agent, name: "beta" } });
    expect(other.json.error.details).toEqual([
      { path: "name", message: 'expected "zeta", as in the address' },
    ]);
    const first = await api.call("GET", "/api/v1/orgs/demo/agents?limit=2");
    expect(first.json.next).toBe("writer");
    const second = await api.call("GET", `/api/v1/orgs/demo/agents?after=${first.json.next}`);
    expect(second.json.items.map(({ name }: { name: string }) => name)).toEqual(["zeta"]);
    expect(second.json).not.toHaveProperty("next");
    expect((await api.call("DELETE", path)).status).toBe(204);
    expect((await api.call("DELETE", path)).json.error.code).toBe("agent_not_found");
    expect((await api.call("DELETE", "/api/v1/orgs/demo")).json.error.code).toBe("resource_in_use");
  });

  test("apply is all or nothing, and a dry run changes nothing", async () => {
    const provider = { kind: "Provider", organization: "demo", name: "p", type: "demo" };
    const dry = await api.call("POST", "/api/v1/apply", {
      body: { resources: [provider], dryRun: true },
    });
    expect(dry.json.results).toEqual([
      { kind: "Provider", organization: "demo", name: "p", change: "created" },
    ]);
    expect((await api.call("GET", "/api/v1/orgs/demo/providers/p")).status).toBe(404);
    const wrong = await api.call("POST", "/api/v1/apply", {
      body: { resources: [provider, { kind: "Nothing" }] },
    });
    expect([wrong.status, wrong.json.error.code]).toEqual([422, "invalid_resource"]);
    expect((await api.call("GET", "/api/v1/orgs/demo/providers/p")).status).toBe(404);
    await api.call("POST", "/api/v1/apply", { body: { resources: [provider] } });
    expect((await api.call("GET", "/api/v1/orgs/demo/providers/p")).json).toEqual(provider);
  });

  test("dead letters are listed, replayed and discarded in their organization", async () => {
    const message = {
      id: "m9",
      organization: "demo",
      agent: "greeter",
      conversation: "c9",
      content: { type: "text", text: "again" },
      receivedAt: 1,
      depth: 0,
    } as never;
    api.conversations.addLetter("d1", message);
    api.conversations.addLetter("d2", message);
    const list = await api.call("GET", "/api/v1/orgs/demo/dead-letters?limit=1");
    expect(list.json).toMatchObject({ items: [{ id: "d1", code: "model_empty" }], next: "d1" });
    expect((await api.call("GET", "/api/v1/orgs/other/dead-letters")).json.items).toEqual([]);
    const elsewhere = await api.call("POST", "/api/v1/orgs/other/dead-letters/d1/replay");
    expect(elsewhere.json.error.code).toBe("message_not_found");
    const replayed = await api.call("POST", "/api/v1/orgs/demo/dead-letters/d1/replay");
    expect([replayed.status, replayed.json.conversation]).toEqual([202, "c9"]);
    expect((await api.call("DELETE", "/api/v1/dead-letters/d2")).status).toBe(204);
  });
});
