import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { type NodeProcess, TestHome } from "./node-process.ts";

const MiB = 1024 * 1024;
const messages = "/api/v1/orgs/demo/agents/greeter/conversations/bad/messages";
const chat = "/v1/chat/completions";

const home = new TestHome();
let node: NodeProcess;
let api: Api;

beforeAll(async () => {
  node = await home.start();
  api = apiOf(node);
});

afterAll(() => home.remove());

/** The code of a refusal, which always says in a sentence what is wrong. */
function codeOf({ status, body }: { status: number; body: any }): string {
  expect(status).toBeGreaterThanOrEqual(400);
  expect(body.error.message).toMatch(/\w+ .*\w/);
  return `${status} ${body.error.code}`;
}

describe("what does not exist", () => {
  test.each([
    ["GET", "/api/v1/orgs/nobody/agents", "404 organization_not_found"],
    ["GET", "/api/v1/orgs/demo/agents/nobody", "404 agent_not_found"],
    [
      "GET",
      "/api/v1/orgs/demo/agents/greeter/conversations/none/messages",
      "404 conversation_not_found",
    ],
    ["GET", "/api/v1/orgs/demo/agents/nobody/conversations/c/messages", "404 agent_not_found"],
    ["GET", "/api/v1/orgs/demo/providers/nobody", "404 not_found"],
    ["GET", "/v1/models/demo/nobody", "404 model_not_found"],
    ["GET", "/nowhere", "404 not_found"],
    ["PATCH", messages, "405 method_not_allowed"],
  ])("%s %s is %s", async (method, path, code) => {
    expect(codeOf(await api.call(method, path))).toBe(code);
  });

  test("a message to an unknown agent or organization is refused", async () => {
    const toAgent = messages.replace("greeter", "nobody");
    expect(codeOf(await api.call("POST", toAgent, { text: "Hello" }))).toBe("404 agent_not_found");
    const toOrganization = messages.replace("demo", "nobody");
    expect(codeOf(await api.call("POST", toOrganization, { text: "Hello" }))).toBe(
      "404 organization_not_found",
    );
  });

  test.each(["demo/nobody", "nobody/greeter", "nobody", "", "a/b/c", "../etc/passwd"])(
    "the model %j names no agent",
    async (model) => {
      const body = { model, messages: [{ role: "user", content: "Hello" }] };
      const answer = await api.call("POST", chat, body);
      expect(codeOf(answer)).toMatch(/404 model_not_found|400 invalid_request/);
      expect(answer.body.error).toMatchObject({ param: "model", type: "invalid_request_error" });
    },
  );

  test("an agent of an unknown provider is not declared, and nothing else of the set is", async () => {
    const answer = await api.apply([
      { kind: "Organization", name: "halfway" },
      { kind: "Agent", organization: "halfway", name: "lost", model: "nowhere/model" },
    ]);
    expect(codeOf(answer)).toMatch(/422 (provider_not_found|invalid_resource)/);
    expect(JSON.stringify(answer.body.error)).toContain("nowhere");
    expect((await api.call("GET", "/api/v1/orgs/halfway")).status).toBe(404);
  });
});

describe("bodies", () => {
  test.each([
    ["no JSON", "{text: 1}", "400 invalid_json"],
    ["cut JSON", '{"text": "Hello', "400 invalid_json"],
    ["nothing", "", "400 invalid_request"],
    ["a list", "[]", "400 invalid_request"],
    ["null", "null", "400 invalid_request"],
    ["a number for the text", '{"text": 5}', "400 invalid_request"],
    ["an empty text", '{"text": ""}', "400 invalid_request"],
    ["an unknown field", '{"text": "Hello", "txet": "Hello"}', "400 invalid_request"],
    ["__proto__", '{"text": "Hello", "__proto__": {"admin": true}}', "400 invalid_request"],
    ["NUL", '{"text": "Hello\\u0000"}', "400 invalid_text"],
    ["a lone high surrogate", '{"text": "Hello \\ud83d"}', "400 invalid_text"],
    ["a lone low surrogate", '{"text": "\\udc00 Hello"}', "400 invalid_text"],
    ["a body nested a million deep", "[".repeat(1_000_000), "413 payload_too_large"],
    ["deep nesting", `{"text": ${"[".repeat(5_000)}${"]".repeat(5_000)}}`, "400 invalid_request"],
  ])("%s", async (_, body, code) => {
    expect(codeOf(await api.raw("POST", messages, body))).toBe(code);
  });

  test("every fault is named, with its path and what was expected", async () => {
    const { body } = await api.call("POST", messages, { text: 5, txet: "Hello" });
    const details = JSON.stringify(body.error.details);
    expect(details).toContain("txet");
    expect(details).toContain('"path":"text"');
    expect(details).toMatch(/expected string/i);
  });

  test("bytes that are no UTF-8, another media type, and what is no HTTP at all", async () => {
    const broken = new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
    expect(codeOf(await api.raw("POST", messages, broken))).toBe("400 invalid_text");
    const xml = await api.raw("POST", messages, "<text/>", { "content-type": "text/xml" });
    expect(codeOf(xml)).toBe("415 unsupported_media_type");
  });

  test("a body over 20 MB is refused, always with an answer, and the node goes on", async () => {
    const text = "x".repeat(20 * MiB);
    for (let round = 0; round < 5; round += 1) {
      const answer = await api.call("POST", messages, { text });
      expect(codeOf(answer)).toBe("413 payload_too_large");
      expect(answer.body.error.message).toContain(String(20 * MiB));
    }
    expect((await api.ask("demo/greeter", "after-20mb", "Hello", "k")).status).toBe(200);
  });

  test("a text over 16 MB is refused, one of exactly 16 MB is kept whole", async () => {
    const over = await api.call("POST", messages, { text: "x".repeat(16 * MiB + 1) });
    expect(codeOf(over)).toBe("413 payload_too_large");
    expect(over.body.error.message).toContain(String(16 * MiB));
    const text = "x".repeat(16 * MiB);
    const kept = await api.ask("demo/greeter", "sixteen", text, "k");
    expect(kept.status, JSON.stringify(kept.body).slice(0, 300)).toBe(200);
    const [first] = await api.history("demo/greeter", "sixteen");
    expect(first?.text === text).toBe(true);
  });

  test("a million emoji are accepted, answered, and come back whole", async () => {
    const text = "🦞".repeat(1_000_000);
    const { status, body } = await api.ask("demo/greeter", "emoji", text, "k");
    expect(status, JSON.stringify(body).slice(0, 300)).toBe(200);
    const history = await api.history("demo/greeter", "emoji");
    expect(history.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(history[0]?.text === text).toBe(true);
    expect((await api.ask("demo/greeter", "emoji", "Hello", "k2")).status).toBe(200);
  });

  test("OpenAI's addresses answer in OpenAI's shape", async () => {
    const wrong = await api.call("POST", chat, { model: "demo/greeter", messages: "Hello" });
    expect(wrong).toMatchObject({
      status: 400,
      body: {
        error: { type: "invalid_request_error", param: "messages", code: "invalid_request" },
      },
    });
    const broken = await api.raw("POST", "/v1/responses", "{");
    expect(broken.body.error).toMatchObject({
      type: "invalid_request_error",
      code: "invalid_json",
    });
  });
});

describe("tokens", () => {
  test.each([
    ["none", undefined],
    ["an empty one", "Bearer "],
    ["another scheme", "Basic YWRtaW46YWRtaW4="],
    ["an unknown one", "Bearer hf_unknown"],
    ["a very long one", `Bearer ${"x".repeat(8_000)}`],
  ])("%s", async (_, authorization) => {
    for (const path of ["/api/v1/orgs", "/v1/models", messages]) {
      const response = await fetch(`${node.url}${path}`, {
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
      expect(await response.json()).toMatchObject({ error: { code: "unauthenticated" } });
    }
  });

  test("one of an organization reaches nothing of another, and ends when it is revoked", async () => {
    expect((await api.apply([{ kind: "Organization", name: "acme" }])).status).toBe(200);
    const made = await api.call("POST", "/api/v1/orgs/acme/tokens", { name: "robot" });
    expect(made.status).toBe(201);
    const robot = apiOf({ url: node.url, token: made.body.token });
    expect((await robot.call("GET", "/api/v1/orgs/acme/agents")).status).toBe(200);
    // Whether the other exists is not told.
    expect(codeOf(await robot.call("GET", "/api/v1/orgs/demo/agents"))).toBe(
      "404 organization_not_found",
    );
    expect(codeOf(await robot.call("POST", messages, { text: "Hello" }))).toBe(
      "404 organization_not_found",
    );
    expect(codeOf(await robot.call("GET", "/api/v1/tokens"))).toBe("403 forbidden");
    const revoked = await api.call("DELETE", `/api/v1/orgs/acme/tokens/${made.body.id}`);
    expect(revoked.status).toBe(204);
    expect(codeOf(await robot.call("GET", "/api/v1/orgs/acme/agents"))).toBe("401 unauthenticated");
  });
});

describe("an Idempotency-Key with another body", () => {
  test("is refused, while the same body is the same message", async () => {
    const first = await api.submit("demo/greeter", "keys", "Hello", "k");
    expect(first).toMatchObject({ status: 202, body: { duplicate: false } });
    const again = await api.submit("demo/greeter", "keys", "Hello", "k");
    expect(again).toMatchObject({ status: 202, body: { duplicate: true, id: first.body.id } });
    const other = await api.submit("demo/greeter", "keys", "Goodbye", "k");
    expect(codeOf(other)).toBe("409 idempotency_conflict");
    const answered = await api.ask("demo/greeter", "keys", "Hello", "k");
    expect(answered.body).toMatchObject({ duplicate: true, reply: expect.stringMatching(/Hello/) });
    expect(await api.history("demo/greeter", "keys")).toHaveLength(2);
  });

  test("is refused to all but one text when they come at once", async () => {
    const texts = Array.from({ length: 20 }, (_, number) => `Echo number ${number % 5}`);
    const answers = await Promise.all(
      texts.map((text) => api.submit("demo/greeter", "race", text, "k")),
    );
    const accepted = texts.filter((_, index) => answers[index]?.status === 202);
    expect(new Set(accepted).size).toBe(1);
    expect(accepted).toHaveLength(4);
    const refused = answers.filter(({ status }) => status !== 202);
    expect(new Set(refused.map(codeOf))).toEqual(new Set(["409 idempotency_conflict"]));
    await api.ask("demo/greeter", "race", "Hello", "last");
    const history = await api.history("demo/greeter", "race");
    expect(history.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
    expect(history[0]?.text).toBe(accepted[0]);
  });
});
