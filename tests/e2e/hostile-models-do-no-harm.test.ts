import { type FakeModelServer, startFakeModelServer } from "@holdfast/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { type NodeProcess, runHoldfast, TestHome } from "./node-process.ts";

const home = new TestHome();
let model: FakeModelServer;
let node: NodeProcess;
let api: Api;
let env: Record<string, string>;
let count = 0;
let conversation = "";

beforeAll(async () => {
  model = await startFakeModelServer();
  node = await home.start({ HOLDFAST_LOG_LEVEL: "silent" });
  env = { HOLDFAST_HOME: home.path, HOLDFAST_URL: node.url };
  api = apiOf(node);
});

/** Each test has a provider of its own: a circuit that one test opened does not meet the next. */
beforeEach(async () => {
  count += 1;
  conversation = `c${count}`;
  model.respond(() => ({ type: "text", chunks: ["Fine", " so."] }));
  const applied = await api.apply([
    { kind: "Organization", name: "acme" },
    {
      kind: "Provider",
      organization: "acme",
      name: `fake${count}`,
      type: "openai-compatible",
      baseUrl: model.url,
      timeoutMs: 1_000,
    },
    {
      kind: "Agent",
      organization: "acme",
      name: "main",
      model: `fake${count}/some-model`,
      tools: [{ type: "memory" }],
      limits: { maxSteps: 6 },
    },
  ]);
  expect(applied.status, JSON.stringify(applied.body)).toBe(200);
});

afterAll(async () => {
  await home.remove();
  await model.close();
});

const ask = (text: string, key = "k") => api.ask("acme/main", conversation, text, key);

/** Streams over OpenAI's API; resolves to the whole text that a client put together. */
async function streamed(text: string) {
  const response = await fetch(`${node.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${node.token}`,
      "content-type": "application/json",
      "x-holdfast-conversation": conversation,
    },
    body: JSON.stringify({
      model: "acme/main",
      stream: true,
      messages: [{ role: "user", content: text }],
    }),
  });
  expect(response.status).toBe(200);
  const events = (await response.text())
    .split("\n\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice(6));
  expect(events.at(-1)).toBe("[DONE]");
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
  expect(chunks.filter(({ error }) => error)).toEqual([]);
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  const choices = chunks.flatMap(({ choices }) => choices);
  expect(choices.filter(({ finish_reason }) => finish_reason)).toHaveLength(1);
  return choices.map(({ delta }) => delta.content ?? "").join("");
}

test("calls of unknown tools and wrong arguments are told to the model, which goes on", async () => {
  model.next(
    { type: "tool-calls", calls: [{ name: "launch_rockets", arguments: "{}" }] },
    { type: "tool-calls", calls: [{ name: "memory_write", arguments: '{"key": 5}' }] },
    { type: "tool-calls", calls: [{ name: "memory_write", arguments: '{"key": ' }] },
    { type: "text", chunks: ["I could not."] },
  );
  const { status, body } = await ask("Do it");
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body.reply).toBe("I could not.");
  const told = JSON.stringify(model.requests.at(-1)?.body.messages);
  expect(told).toMatch(/There is no tool .*launch_rockets.* has these tools: .*memory_write/);
  expect(told).toContain("must have required property 'value'");
  expect(told).toContain("They are not valid JSON");
});

test("a model that calls tools for ever is stopped at the agent's limit, and the message is kept apart", async () => {
  model.respond(() => ({
    type: "tool-calls",
    calls: [{ name: "memory_list", arguments: "{}" }],
  }));
  const before = model.counts.total;
  const { status, body } = await ask("Never end");
  expect(status).toBe(502);
  expect(body.error.code).toMatch(/step_limit|dead_lettered/);
  expect(model.counts.total - before).toBeLessThanOrEqual(6 * 5);
  model.respond(() => ({ type: "text", chunks: ["Fine so."] }));
  expect((await ask("Go on", "k2")).body.reply).toBe("Fine so.");
});

test("a model that answers nothing: tried again, then a dead letter to show, replay and discard", async () => {
  model.respond(() => ({ type: "text", chunks: [] }));
  const { status, body } = await ask("Say something");
  expect(status).toBe(502);
  expect(body.error.code).toMatch(/model_empty|dead_lettered/);
  const listed = await runHoldfast(["dead-letters", "list", "--json", "--org", "acme"], env);
  const letters = JSON.parse(listed.stdout).filter((letter: any) => letter.code === "model_empty");
  expect(letters).toHaveLength(1);
  const [{ id, attempts }] = letters;
  expect(attempts).toBe(5);
  const shown = await runHoldfast(["dead-letters", "show", id], env);
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining("Say something") });
  expect(shown.stdout).toContain("[model_empty]");

  model.respond(() => ({ type: "text", chunks: ["Something."] }));
  const replayed = await runHoldfast(["dead-letters", "replay", id], env);
  expect(replayed.code, replayed.stderr).toBe(0);
  await expect
    .poll(async () => (await api.history("acme/main", conversation)).at(-1)?.text)
    .toBe("Something.");
  const again = await runHoldfast(["dead-letters", "replay", id], env);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("message_not_found") });

  model.respond(() => ({ type: "text", chunks: [] }));
  expect((await ask("Say more", "k2")).status).toBe(502);
  const [more] = (await api.call("GET", "/api/v1/orgs/acme/dead-letters")).body.items.filter(
    (letter: any) => letter.message.content.text === "Say more",
  );
  expect((await runHoldfast(["dead-letters", "discard", more.id], env)).code).toBe(0);
  const { stderr, code } = await runHoldfast(["dead-letters", "show", more.id], env);
  expect([code, stderr]).toEqual([1, expect.stringContaining("error[message_not_found]")]);
});

test.each([
  ["429 with Retry-After", { type: "status", status: 429, headers: { "retry-after": "1" } }],
  ["500", { type: "status", status: 500 }],
  ["silence", { type: "hang" }],
  ["half a stream, reset", { type: "cut", chunks: ["Half ", "of it"], after: 1, how: "reset" }],
  ["half a stream, ended", { type: "cut", chunks: ["Half ", "of it"], after: 1, how: "end" }],
  ["half a stream, then silence", { type: "hang", chunks: ["Half "] }],
  ["broken events", { type: "malformed", chunks: ["Half "] }],
] as const)("%s: a streaming client sees one coherent answer", async (_, script) => {
  model.next(script);
  model.respond(() => ({ type: "text", chunks: ["The whole", " answer."] }));
  const seen = await streamed("Tell me");
  expect(seen).toMatch(/^(Half )?The whole answer\.$/);
  const history = await api.history("acme/main", conversation);
  expect(history.map(({ role }) => role)).toEqual(["user", "assistant"]);
  expect(history[1]?.text, "what is kept is what the client saw").toBe(seen);
});

test("the model away for a while: the message is kept, and answered once when it is back", async () => {
  model.respond(() => ({ type: "status", status: 503 }));
  const accepted = await api.submit("acme/main", conversation, "Are you there?", "k");
  expect(accepted.status).toBe(202);
  const before = model.counts.total;
  await expect.poll(() => model.counts.total, { timeout: 10_000 }).toBeGreaterThan(before);
  model.respond(() => ({ type: "text", chunks: ["Back again."] }));
  await expect
    .poll(async () => (await api.history("acme/main", conversation)).map(({ text }) => text), {
      timeout: 30_000,
      interval: 200,
    })
    .toEqual(["Are you there?", "Back again."]);
});
