import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { isAlive, type NodeProcess, TestHome } from "./node-process.ts";

const script = new URL(
  "../../packages/agent/src/tools/testing/mcp-stdio-server.ts",
  import.meta.url,
).pathname;
const home = new TestHome();
let node: NodeProcess;
let api: Api;

beforeAll(async () => {
  node = await home.start({ HOLDFAST_LOG_LEVEL: "silent" });
  api = apiOf(node);
  const agent = (mode: string) => ({
    kind: "Agent",
    organization: "acme",
    name: mode,
    model: "demo/greeter",
    tools: [
      {
        type: "mcp",
        name: "fix",
        transport: { type: "stdio", command: process.execPath, args: [script, mode] },
        timeoutMs: 3_000,
      },
    ],
  });
  const modes = ["normal", "thousand", "dead", "silent", "stubborn"];
  const applied = await api.apply([{ kind: "Organization", name: "acme" }, ...modes.map(agent)]);
  expect(applied.status, JSON.stringify(applied.body)).toBe(200);
});

afterAll(() => home.remove());

let asked = 0;

async function answerTo(agent: string, text: string): Promise<string> {
  const { status, body } = await api.ask(`acme/${agent}`, `c-${agent}`, text, `k${asked++}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.reply;
}

test("a tool that works", async () => {
  expect(await answerTo("normal", '/tool fix__add {"a": 2, "b": 3}')).toBe("fix__add answered: 5");
});

test.each([
  ['{"a": "two", "b": 3}', /a.*number/i],
  ['{"a": 2}', /b/],
  ["[1, 2]", /object/],
  ["{a: 2}", /not valid JSON/],
])("arguments that do not fit the schema: %s", async (args, expected) => {
  const reply = await answerTo("normal", `/tool fix__add ${args}`);
  expect(reply).toMatch(/^fix__add failed: The arguments of fix__add are wrong\. /);
  expect(reply).toMatch(expected);
});

test("a tool that fails, and one that is not there", async () => {
  expect(await answerTo("normal", "/tool fix__fail")).toMatch(/failed: .*it is broken/);
  expect(await answerTo("normal", "/tool fix__nothing")).toMatch(/no tool named fix__nothing/);
});

test("50 MB of answer: the model gets the beginning, the node keeps its memory, others are served", async () => {
  const slow = answerTo("normal", "/tool fix__huge");
  const started = performance.now();
  expect((await api.ask("demo/greeter", "beside", "Hello", "k")).status).toBe(200);
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(await slow).toMatch(/^fix__huge failed: (0123456789)+/);
  expect(await answerTo("normal", '/tool fix__add {"a": 1, "b": 1}')).toBe("fix__add answered: 2");
});

test("a server that hangs is given up within the tool's limit", async () => {
  expect(await answerTo("normal", "/tool fix__hang")).toMatch(
    /failed: .*did not answer within 3000 ms.*may have taken effect/,
  );
  expect(await answerTo("normal", '/tool fix__add {"a": 1, "b": 2}')).toBe("fix__add answered: 3");
});

test("a server that dies in the middle: the outcome is unknown, and the next call starts it again", async () => {
  expect(await answerTo("normal", "/tool fix__die")).toMatch(
    /failed: .*in the middle of die; whether it took effect is unknown/,
  );
  await expect
    .poll(() => answerTo("normal", '/tool fix__add {"a": 4, "b": 2}'), { timeout: 10_000 })
    .toBe("fix__add answered: 6");
});

test("1,000 tools: the agent gets as many as its limit allows", async () => {
  const reply = await answerTo("thousand", "/tool");
  expect(reply.split(", ")).toHaveLength(128);
  expect(await answerTo("thousand", "/tool fix__tool-7")).toBe("fix__tool-7 answered: 7");
});

test("a server that cannot start, and one that never says a word: the agent answers without them", async () => {
  expect(await answerTo("dead", "Hello")).toMatch(/^Hello/);
  expect(await answerTo("dead", "/tool fix__add")).toMatch(/no tool named/);
  const started = performance.now();
  expect(await answerTo("silent", "Hello")).toMatch(/^Hello/);
  expect(performance.now() - started).toBeLessThan(6_000);
});

test("no server is left when the node stops, not even one that ignores SIGTERM", async () => {
  const pid = Number((await answerTo("stubborn", "/tool fix__pid")).replace(/\D+/g, ""));
  expect(isAlive(pid)).toBe(true);
  expect(await node.stop()).toBe(0);
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
});
