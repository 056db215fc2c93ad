import { type FakeModelServer, startFakeModelServer } from "@holdfast/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFixture, requestOf } from "./testing/fixture.ts";

let server: FakeModelServer;
beforeEach(async () => {
  server = await startFakeModelServer();
});
afterEach(() => server.close());

const apis = ["openai-compatible", "openai", "anthropic"] as const;
const key = { apiKey: { fromEnv: "KEY" } };
const fixtureFor = (type: (typeof apis)[number]) =>
  createFixture([{ name: "main", type, baseUrl: server.url, ...key }], { KEY: "sk-very-secret" });

const weather = {
  name: "weather",
  description: "Tells the weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};

describe.each(apis)("%s", (type) => {
  test("streams text in chunks and ends with finish, usage and model", async () => {
    const { ask } = fixtureFor(type);
    const usage = { inputTokens: 7, outputTokens: 3 };
    server.next({ type: "text", chunks: ["Good ", "day", "!"], usage });
    const answer = await ask();
    expect(answer.text).toBe("Good day!");
    expect(answer.chunks.length).toBeGreaterThan(0);
    expect(answer.finish).toEqual({ type: "finish", reason: "stop", usage, model: "main/model-a" });
  });

  test("sends instructions, history, tools and settings", async () => {
    const { ask } = fixtureFor(type);
    await ask({
      messages: [
        { role: "user", text: "Weather?" },
        {
          role: "assistant",
          text: "",
          toolCalls: [
            { id: "c1", name: "weather", arguments: '{"city":"Oslo"}' },
            { id: "c2", name: "weather", arguments: '{"city":' },
          ],
        },
        { role: "tool", toolCallId: "c1", toolName: "weather", text: "rain" },
        { role: "tool", toolCallId: "c2", toolName: "weather", text: "bad JSON", isError: true },
        { role: "user", text: "And now?" },
      ],
      tools: [weather],
      settings: { maxOutputTokens: 99, stop: ["END"], toolChoice: "required" },
    });
    const sent = JSON.stringify(server.requests[0]?.body);
    for (const part of ["Be brief.", "Weather?", "Oslo", "rain", "bad JSON", "And now?"]) {
      expect(sent).toContain(part);
    }
    expect(sent).toContain("malformed_arguments");
    expect(sent).toMatch(/"max(_completion)?_tokens":99/);
    expect(sent).toMatch(/"stop(_sequences)?":\["END"\]/);
    expect(sent).toContain('"Tells the weather"');
    const header = type === "anthropic" ? "x-api-key" : "authorization";
    expect(server.requests[0]?.headers[header]).toContain("sk-very-secret");
  });

  test("passes tool calls on, broken arguments as the model wrote them", async () => {
    const { ask } = fixtureFor(type);
    server.next({
      type: "tool-calls",
      chunks: ["Let me look."],
      calls: [
        { id: "c1", name: "weather", arguments: '{"city": "Oslo"}' },
        { id: "c2", name: "unknown", arguments: '{"city": Oslo' },
      ],
    });
    const answer = await ask({ tools: [weather] });
    expect(answer.text).toBe("Let me look.");
    expect(answer.calls).toEqual([
      { id: "c1", name: "weather", arguments: '{"city": "Oslo"}' },
      { id: "c2", name: "unknown", arguments: '{"city": Oslo' },
    ]);
    expect(answer.finish.reason).toBe("tool-calls");
  });

  test("an empty answer finishes without text", async () => {
    const { ask } = fixtureFor(type);
    server.next({ type: "text", chunks: [] });
    const answer = await ask();
    expect(answer.text).toBe("");
    expect(answer.finish.reason).toBe("stop");
  });

  test.each(["length", "content-filter"] as const)("finish reason %s", async (finish) => {
    const { ask } = fixtureFor(type);
    server.next({ type: "text", chunks: ["a"], finish });
    expect((await ask()).finish.reason).toBe(finish);
  });

  test.each([
    [400, "model_rejected"],
    [401, "model_rejected"],
    [404, "model_not_found"],
    [307, "model_rejected"],
  ])("status %i is %s and not tried again", async (status, code) => {
    const { ask } = fixtureFor(type);
    const headers = { location: "http://127.0.0.1:9/" };
    server.next({
      type: "status",
      status,
      headers,
      body: '{"error":{"message":"sk-very-secret"}}',
    });
    const error = await ask().catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).not.toContain("sk-very-secret");
    expect((error as Error).message).toContain("main/model-a");
    expect(server.counts.total).toBe(1);
  });

  test("a web page instead of a stream is refused", async () => {
    const { ask } = fixtureFor(type);
    server.next({ type: "raw", contentType: "text/html; charset=utf-8", body: "<h1>Hi</h1>" });
    await expect(ask()).rejects.toMatchObject({
      code: "model_rejected",
      message: expect.stringContaining("text/html"),
    });
  });

  test("an aborted signal ends the call at once and closes the connection", async () => {
    const { gateway } = fixtureFor(type);
    server.next({ type: "hang", chunks: ["So "] });
    const abort = new AbortController();
    const read = async () => {
      for await (const event of gateway.stream(requestOf(), abort.signal)) {
        if (event.type === "text") abort.abort(new Error("enough"));
      }
    };
    await expect(read()).rejects.toThrow("enough");
    await server.untilAbandoned(1);
    expect(gateway.status()).toEqual([]);
  });

  test("a consumer that stops reading closes the connection", async () => {
    const { gateway } = fixtureFor(type);
    server.next({ type: "hang", chunks: ["So "] });
    for await (const _ of gateway.stream(requestOf(), new AbortController().signal)) break;
    await server.untilAbandoned(1);
  });
});

describe("names", () => {
  test("the organization's own provider wins over the built-in one, and is its own only", async () => {
    const { gateway, ask } = createFixture([
      { name: "openai", type: "openai-compatible", baseUrl: server.url },
    ]);
    expect((await ask({ model: "openai/vendor/model:7b" })).text).toBe("Hello there.");
    expect(server.requests[0]?.body.model).toBe("vendor/model:7b");
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    const foreign = requestOf({ organization: "other", model: "openai/x" });
    const read = async () => {
      for await (const _ of gateway.stream(foreign, new AbortController().signal));
    };
    await expect(read()).rejects.toThrow("environment variable OPENAI_API_KEY is not set");
  });

  test.each([
    ["nobody/model", "provider_not_found"],
    ["nonsense", "provider_not_found"],
    ["demo/nonsense", "model_not_found"],
  ])("%s is %s", async (model, code) => {
    await expect(createFixture([]).ask({ model })).rejects.toMatchObject({ code });
  });

  test("default is the provider whose key is there, else the demo", async () => {
    const anthropic = createFixture([], { ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: server.url });
    expect((await anthropic.ask({ model: "default" })).finish.model).toMatch(/^anthropic\//);
    const openai = createFixture([], { OPENAI_API_KEY: "k", OPENAI_BASE_URL: server.url });
    expect((await openai.ask({ model: "default" })).finish.model).toMatch(/^openai\//);
    const demo = await createFixture([]).ask({ model: "default" });
    expect(demo.finish.model).toBe("demo/greeter");
  });

  test("the node's key never goes to an address that an organization chose", async () => {
    const env = { OPENAI_API_KEY: "sk-node" };
    const { ask } = createFixture([{ name: "main", type: "openai", baseUrl: server.url }], env);
    await expect(ask()).rejects.toMatchObject({ code: "model_rejected" });
    expect(server.counts.total).toBe(0);
  });

  test("a JSON schema and headers from secrets reach the provider", async () => {
    const headers = { "x-team": "blue", "x-token": { fromEnv: "TOKEN" } };
    const { ask } = createFixture(
      [{ name: "main", type: "openai-compatible", baseUrl: server.url, headers }],
      { TOKEN: "t-1" },
    );
    const schema = { type: "object", properties: {} };
    await ask({ settings: { responseFormat: { name: "result", schema } } });
    const [request] = server.requests;
    expect(request?.headers).toMatchObject({ "x-team": "blue", "x-token": "t-1" });
    expect(request?.body.response_format.json_schema).toMatchObject({ name: "result", schema });
  });
});
