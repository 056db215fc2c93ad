import type { AgentName, Model, NewMessage, Tools } from "@holdfast/core";
import type { Faults } from "@holdfast/engine";
import { describe, expect, test } from "vitest";
import { answerTo, historyOf, message, textsOf } from "../path/path-fixture.ts";
import { type ClusterNode, createClusterWorld, shares } from "./cluster-fixture.ts";

const to = (agent: string, text: string, more: Partial<NewMessage> = {}): NewMessage =>
  message(text, { agent: agent as AgentName, ...more });

const usage = { inputTokens: 1, outputTokens: 1 };

function createSlowWorld({ modelMs = 5_000, toolMs = 5_000 } = {}) {
  const world = createClusterWorld();
  const pause = (ms: number) => new Promise<void>((r) => void world.clock.schedule(ms, r));
  const counts = { model: 0, tool: 0 };
  const model: Model = {
    async *stream({ messages }) {
      const last = messages.at(-1);
      counts.model += 1;
      await pause(last?.text.startsWith("pay") ? 10 : modelMs);
      if (last?.text.startsWith("pay")) {
        yield { type: "tool-call", call: { id: "c1", name: "pay", arguments: "{}" } };
        yield { type: "finish", reason: "tool-calls", usage, model: "m" };
        return;
      }
      yield { type: "text", text: `re ${last?.text}` };
      yield { type: "finish", reason: "stop", usage, model: "m" };
    },
  };
  const tools: Tools = {
    describe: async () => ({
      tools: [{ name: "pay", description: "", parameters: {}, idempotent: false }],
      missing: [],
    }),
    call: async () => {
      counts.tool += 1;
      await pause(toolMs);
      return { text: "paid", isError: false };
    },
  };
  return { ...world, counts, model, tools };
}

async function startTwo(world: ReturnType<typeof createSlowWorld>, appendMs = 0) {
  const { model, tools } = world;
  const slow: Faults = { decide: () => ({ outcome: "ok", answerMs: appendMs }) };
  const n1 = await world.start("n1", { model, tools });
  const n2 = await world.start("n2", { model, tools, faults: slow });
  await world.after(60_000);
  expect(shares([n1, n2])).toEqual([4, 4]);
  return [n1, n2] as [ClusterNode, ClusterNode];
}

describe("a partition that is moved in good order", () => {
  test("takes long model calls along: none is made twice", async () => {
    const world = createSlowWorld();
    const [n1] = await startTwo(world);
    const answers = world.agents.map((agent) => answerTo(n1.path, to(agent, "one")));
    await world.after(1_000);
    await world.run(n1.path.admin.drain("n2"));
    for (const events of await world.run(Promise.all(answers))) {
      expect(events.at(-1)).toMatchObject({ type: "committed" });
    }
    expect(world.counts.model).toBe(world.agents.length);
    for (const agent of world.agents) {
      const history = await world.run(historyOf(n1.path, to(agent, "")));
      expect(textsOf(history)).toEqual(["user: one", "assistant: re one"]);
    }
  });

  test("is no failure of a probe that is under way in it", async () => {
    const world = createSlowWorld();
    const [n1, n2] = await startTwo(world, 5);
    const probe = n2.path.ownership.probe();
    await world.run(n1.path.admin.drain("n2"));
    await world.run(probe);
    await world.after(1_000);
    expect(shares([n1, n2])).toEqual([8, 0]);
  });

  test("takes running tools along: each runs once, and its result is known", async () => {
    const world = createSlowWorld();
    const [n1] = await startTwo(world);
    const answers = world.agents.map((agent) => answerTo(n1.path, to(agent, "pay")));
    await world.after(1_000);
    expect(world.counts.tool).toBe(world.agents.length);
    await world.run(n1.path.admin.drain("n2"));
    await world.run(Promise.all(answers));
    expect(world.counts.tool).toBe(world.agents.length);
    for (const agent of world.agents) {
      const history = await world.run(historyOf(n1.path, to(agent, "")));
      expect(textsOf(history)).toEqual([
        "user: pay",
        "assistant: ",
        "tool: paid",
        "assistant: re paid",
      ]);
    }
  });

  test("goes on by itself when the last owner dies before its steps end", async () => {
    const world = createSlowWorld();
    const [n1, n2] = await startTwo(world);
    const answers = world.agents.map((agent) => answerTo(n1.path, to(agent, "one")));
    await world.after(1_000);
    await world.run(n1.path.admin.drain("n2"));
    await world.after(1_000);
    await world.kill(n2);
    for (const events of await world.run(Promise.all(answers))) {
      expect(events.at(-1)).toMatchObject({ type: "committed" });
    }
    expect(world.counts.model).toBeGreaterThan(world.agents.length);
  });

  test("serves everybody else meanwhile", async () => {
    const world = createSlowWorld({ modelMs: 5_000 });
    const [n1] = await startTwo(world);
    const slow = world.agents.map((agent) => answerTo(n1.path, to(agent, "slow")));
    await world.after(1_000);
    await world.run(n1.path.admin.drain("n2"));
    await world.after(400);
    expect(shares([n1])).toEqual([8]);
    const history = world.agents.map((agent) => n1.path.conversations.submit(to(agent, "next")));
    const startedAt = world.clock.monotonic();
    await world.run(Promise.all(history));
    expect(world.clock.monotonic() - startedAt).toBeLessThan(100);
    await world.run(Promise.all(slow));
  });

  test("a node that stops waits for its steps, and dead letters count no move as a crash", async () => {
    const world = createSlowWorld();
    const [n1, n2] = await startTwo(world);
    const answers = world.agents.map((agent) => answerTo(n1.path, to(agent, "one")));
    await world.after(1_000);
    await world.run(n2.path.leave());
    for (const events of await world.run(Promise.all(answers))) {
      expect(events.at(-1)).toMatchObject({ type: "committed" });
    }
    expect(world.counts.model).toBe(world.agents.length);
    expect(await world.run(n1.path.conversations.deadLetters(undefined))).toEqual([]);
  });
});

describe("a step with several tools", () => {
  test("is handed over tool by tool: each runs once, though they end one after the other", async () => {
    const world = createSlowWorld();
    const pause = (ms: number) => new Promise<void>((r) => void world.clock.schedule(ms, r));
    const runs: string[] = [];
    const model: Model = {
      async *stream({ messages }) {
        if (messages.at(-1)?.role === "tool") {
          const said = messages.filter(({ role }) => role === "tool").map(({ text }) => text);
          yield { type: "text", text: said.join(" ") };
          yield { type: "finish", reason: "stop", usage, model: "m" };
          return;
        }
        for (const name of ["fast", "slow"]) {
          yield { type: "tool-call", call: { id: name, name, arguments: "{}" } };
        }
        yield { type: "finish", reason: "tool-calls", usage, model: "m" };
      },
    };
    const tools: Tools = {
      describe: async () => ({
        tools: ["fast", "slow"].map((name) => ({
          name,
          description: "",
          parameters: {},
          idempotent: name === "fast",
        })),
        missing: [],
      }),
      call: async ({ name }) => {
        runs.push(name);
        await pause(name === "fast" ? 2_000 : 4_000);
        return { text: `${name} done`, isError: false };
      },
    };
    const n1 = await world.start("n1", { model, tools });
    const n2 = await world.start("n2", { model, tools });
    await world.after(60_000);
    const answers = world.agents.map((agent) => answerTo(n1.path, to(agent, "both")));
    await world.after(1_000);
    await world.run(n1.path.admin.drain("n2"));
    await world.run(Promise.all(answers));
    expect(runs).toHaveLength(2 * world.agents.length);
    for (const agent of world.agents) {
      const history = await world.run(historyOf(n1.path, to(agent, "")));
      expect(textsOf(history).at(-1)).toMatch(
        /^assistant: (fast done slow done|slow done fast done)$/,
      );
    }
    expect(shares([n1, n2])).toEqual([8, 0]);
  });
});

describe("a stateless call through another node", () => {
  test("ends there, however large its answer is, and leaves nothing behind", async () => {
    const world = createClusterWorld();
    const huge: Model = {
      async *stream() {
        yield { type: "text", text: "x".repeat(1_000_000) };
        yield { type: "text", text: "y".repeat(40_000) };
        yield { type: "finish", reason: "stop", usage, model: "m" };
      },
    };
    const n1 = await world.start("n1", { model: huge });
    const n2 = await world.start("n2", { model: huge });
    await world.after(60_000);
    const call = (agent: string) =>
      n1.path.conversations.complete(to(agent, "once", { ephemeral: true }), () => () => undefined);
    const ends = await world.run(Promise.all(world.agents.map(call)));
    for (const { end } of ends) expect(end).toBeDefined();
    await world.after(30_000);
    expect([n1, n2].map(({ path }) => path.pending.size)).toEqual([0, 0]);
  });
});
