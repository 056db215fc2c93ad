import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apiOf } from "./api.ts";
import { type NodeProcess, runHoldfast, TestHome } from "./node-process.ts";

const examples = join(import.meta.dirname, "../../examples");
let home: TestHome;
let node: NodeProcess;
let client: OpenAI;

beforeAll(async () => {
  home = new TestHome();
  node = await home.start();
  client = new OpenAI({ baseURL: `${node.url}/v1`, apiKey: node.token, maxRetries: 0 });
}, 30_000);

afterAll(() => home.remove());

function env(): Record<string, string> {
  return { HOLDFAST_URL: node.url, HOLDFAST_TOKEN: node.token, HOLDFAST_HOME: home.path };
}

describe("the official openai client", () => {
  test("gets a chat completion, and the same streamed", async () => {
    const messages = [{ role: "user" as const, content: "What is 6 * 7?" }];
    const whole = await client.chat.completions.create({ model: "demo/greeter", messages });
    expect(whole.choices[0]?.message.content).toContain("42");
    expect(whole.usage?.total_tokens).toBeGreaterThan(0);
    const stream = await client.chat.completions.create({
      model: "demo/greeter",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let tokens = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      tokens = chunk.usage?.total_tokens ?? tokens;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(tokens).toBe(whole.usage?.total_tokens);
  });

  test("keeps a conversation by previous_response_id, streamed too", async () => {
    const first = await client.responses.create({
      model: "demo/greeter",
      input: "My name is Grace",
    });
    expect(first.output_text).toContain("Grace");
    const stream = await client.responses.create({
      model: "demo/greeter",
      input: "What is my name?",
      previous_response_id: first.id,
      stream: true,
    });
    let text = "";
    let last = "";
    for await (const event of stream) {
      last = event.type;
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    expect(text).toContain("Grace");
    expect(last).toBe("response.completed");
  });

  test("runs a tool of its own and hands the result back", async () => {
    const tools = [
      {
        type: "function" as const,
        function: { name: "weather", parameters: { type: "object", properties: {} } },
      },
    ];
    const asked = { role: "user" as const, content: '/tool weather {"city": "Paris"}' };
    const first = await client.chat.completions.create({
      model: "demo/greeter",
      messages: [asked],
      tools,
    });
    const message = first.choices[0]?.message;
    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    const call = message?.tool_calls?.[0];
    if (!message || call?.type !== "function") throw new Error("expected a function call");
    expect(JSON.parse(call.function.arguments)).toEqual({ city: "Paris" });
    const second = await client.chat.completions.create({
      model: "demo/greeter",
      messages: [
        asked,
        message,
        { role: "tool", tool_call_id: call.id, content: "sunny, 21 degrees" },
      ],
      tools,
    });
    expect(second.choices[0]?.message.content).toContain("sunny, 21 degrees");
  });

  test("gets its own error classes", async () => {
    const unknown = client.chat.completions.create({
      model: "demo/nobody",
      messages: [{ role: "user", content: "hi" }],
    });
    await expect(unknown).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const stranger = new OpenAI({ baseURL: `${node.url}/v1`, apiKey: "hf_wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const wrong = client.chat.completions.create({ model: "demo/greeter", messages: [], n: 3 });
    await expect(wrong).rejects.toBeInstanceOf(OpenAI.BadRequestError);
  });

  test("sees the agents as models", async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toContain("demo/greeter");
  });
});

describe("the command line", () => {
  test("sends, chats and shows the history of the same conversation", async () => {
    const sent = await runHoldfast(
      ["send", "demo/greeter", "My name is Ada", "--conversation", "cli"],
      env(),
    );
    expect(sent).toMatchObject({ code: 0 });
    const chat = await runHoldfast(
      ["chat", "demo/greeter", "--conversation", "cli"],
      env(),
      "What is my name?\n",
    );
    expect(chat.stdout).toContain("Ada");
    const history = await runHoldfast(["history", "demo/greeter", "cli"], env());
    expect(history.stdout).toContain("My name is Ada");
  });

  test("declares the example's agents, twice to the same effect, and deletes them", async () => {
    const file = join(examples, "agents.yaml");
    const first = await runHoldfast(["apply", "--yes", "-f", file, "--json"], env());
    expect(first.code, first.stderr).toBe(0);
    const again = await runHoldfast(["apply", "--yes", "-f", file], env());
    expect(again.stdout).toContain("unchanged");
    expect((await runHoldfast(["diff", "-f", file, "--exit-code"], env())).code).toBe(0);
    const deleted = await runHoldfast(["delete", "--yes", "-f", file], env());
    expect(deleted.code, deleted.stderr).toBe(0);
  });

  test("tells every fault of a file at once, with its line", async () => {
    const yaml = `kind: Agent
organization: demo
name: one
model: nowhere/gpt
---
kind: Agent
organization: demo
name: two
model: demo/echo
colour: red
`;
    const refused = await runHoldfast(["apply", "--yes", "-f", "-"], env(), yaml);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/:4:\d+: model: the provider nowhere does not exist/);
    expect(refused.stderr).toMatch(/:10:\d+: colour: unknown field/);
  });

  test("says that all is well", async () => {
    const doctor = await runHoldfast(["doctor"], env());
    expect(doctor.code, doctor.stdout).toBe(0);
    expect(doctor.stdout).toContain("safe against power loss");
  });
});

test.each(["openai-client.ts", "sdk-client.ts", "curl.sh"])("the example %s runs", async (file) => {
  const [program, args] = file.endsWith(".sh")
    ? ["bash", [join(examples, file)]]
    : [process.execPath, [join(examples, file)]];
  const run = await promisify(execFile)(program, args, { env: { ...process.env, ...env() } });
  expect(run.stdout.length).toBeGreaterThan(0);
});

test("an agent reads one of its skills and keeps a memory", async () => {
  const api = apiOf(node);
  const { status } = await api.apply([
    { kind: "Organization", name: "skilled" },
    {
      kind: "Agent",
      organization: "skilled",
      name: "cook",
      model: "demo/greeter",
      tools: [{ type: "memory" }],
      workspace: {
        files: [{ path: "SOUL.md", text: "You cook." }],
        skills: [{ name: "soup", description: "How to cook soup.", text: "Boil water first." }],
      },
    },
  ]);
  expect(status).toBe(200);
  const read = await api.ask("skilled/cook", "c", '/tool skill_read {"name": "soup"}', "k1");
  expect(read.body.reply).toContain("Boil water first.");
  await api.ask(
    "skilled/cook",
    "c",
    '/tool memory_write {"key": "salt", "value": "a pinch"}',
    "k2",
  );
  const memory = await api.ask("skilled/cook", "other", '/tool memory_read {"key": "salt"}', "k3");
  expect(memory.body.reply).toContain("a pinch");
});

test("the API describes itself completely", async () => {
  const answer = await fetch(`${node.url}/openapi.json`);
  const document = (await answer.json()) as { openapi: string };
  expect(document.openapi).toMatch(/^3\.1/);
  const metrics = await fetch(`${node.url}/metrics`, {
    headers: { authorization: `Bearer ${node.token}` },
  });
  expect(await metrics.text()).toContain("holdfast_partitions_open 8");
});
