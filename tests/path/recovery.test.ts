import { type Agent, type Engine, HoldfastError, type Model, type Tools } from "@holdfast/core";
import { Checkpoints } from "@holdfast/core";
import { createMemoryEngine } from "@holdfast/engine";
import { expect, test } from "vitest";
import {
  answerTo,
  createWorld,
  echoAgent,
  echoModel,
  historyOf,
  message,
  textsOf,
} from "./path-fixture.ts";

const tools: Tools = {
  describe: async () => ({
    tools: [{ name: "look", description: "", parameters: {}, idempotent: true }],
    missing: [],
  }),
  call: async () => ({ text: "seen", isError: false }),
};

/** Calls a tool first; then waits for ever when it may not go on. */
function toolModel(mayGoOn: boolean): Model {
  const echo = echoModel();
  return {
    async *stream(request, signal) {
      if (request.messages.at(-1)?.role === "tool") {
        if (mayGoOn) yield* echo.stream(request, signal);
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        });
      }
      yield { type: "tool-call", call: { id: "c1", name: "look", arguments: "{}" } };
      const usage = { inputTokens: 1, outputTokens: 1 };
      yield { type: "finish", reason: "tool-calls", usage, model: "demo/echo" };
    },
  };
}

/** A view whose followers get the first record at once and the others 50 ms later. */
function slowFollow(engine: Engine, schedule: (run: () => void) => void): Engine {
  const { messageLog } = engine;
  return {
    ...engine,
    messageLog: {
      append: (...all) => messageLog.append(...all),
      read: (...all) => messageLog.read(...all),
      bounds: (...all) => messageLog.bounds(...all),
      truncate: (...all) => messageLog.truncate(...all),
      follow: (log, from, handle) =>
        messageLog.follow(log, from, (record) => {
          if (record.sequence === from) handle(record);
          else schedule(() => handle(record));
        }),
    },
  };
}

test("a turn over several messages is resumed only when all of them were delivered again", async () => {
  const world = createWorld();
  const collect: Agent = { ...echoAgent, queue: { mode: "collect", debounceMs: 20 } };
  const agents = [collect];
  const node = await world.start({ agents, tools, model: toolModel(false) });
  await world.run(node.conversations.submit(message("one")));
  await world.run(node.conversations.submit(message("two")));
  await world.run(new Promise<void>((resolve) => world.clock.schedule(1_000, resolve)));
  await node.crash();

  const engine = slowFollow(createMemoryEngine(world.store, { clock: world.clock }), (run) =>
    world.clock.schedule(50, run),
  );
  const second = await world.start({ engine, agents, tools, model: toolModel(true) });
  await world.run(new Promise<void>((resolve) => world.clock.schedule(5_000, resolve)));
  expect(textsOf(await world.run(historyOf(second, message(""))))).toEqual([
    "user: one",
    "user: two",
    "assistant: ",
    "tool: seen",
    "assistant: echo: seen",
  ]);
});

test("asking for a conversation while the engine is away leaves nothing in memory", async () => {
  const world = createWorld();
  let isAway = false;
  const faults = {
    decide: () => (isAway ? ({ outcome: "refuse" } as const) : ({ outcome: "ok" } as const)),
  };
  const engine = createMemoryEngine(world.store, { clock: world.clock, faults });
  const node = await world.start({ engine });
  isAway = true;
  await expect(world.run(historyOf(node, message("")))).rejects.toMatchObject({
    code: "engine_unavailable",
  });
  expect(node.partitions.map(({ activeConversations }) => activeConversations)).toEqual([0, 0]);
});

test("restarts while the model is away do not use up a message's tries", async () => {
  const world = createWorld();
  const away: Model = {
    // oxlint-disable-next-line require-yield
    async *stream() {
      throw new HoldfastError("model_unavailable", "away");
    },
  };
  let node = await world.start({ model: away });
  await world.run(node.conversations.submit(message("patience")));
  for (let restart = 0; restart < 8; restart += 1) {
    await world.run(new Promise<void>((resolve) => world.clock.schedule(2_000, resolve)));
    await node.crash();
    node = await world.start({ model: away });
  }
  await node.crash();
  node = await world.start();
  await world.run(answerTo(node, message("last")));
  expect(await world.run(node.conversations.deadLetters("acme"))).toEqual([]);
  expect(textsOf(await world.run(historyOf(node, message(""))))).toContain(
    "assistant: echo: patience",
  );
});

test("a checkpoint that becomes small leaves no blob of its large time behind", async () => {
  const world = createWorld();
  const engine = createMemoryEngine(world.store, { clock: world.clock });
  await world.run(engine.provision({ logs: [], buckets: ["checkpoints"] }));
  const put: string[] = [];
  const blobs = {
    ...engine.blobStore,
    get: (key: string) => engine.blobStore.get(key),
    delete: (key: string) => engine.blobStore.delete(key),
    put: (key: string, data: Uint8Array) => {
      put.push(key);
      return engine.blobStore.put(key, data);
    },
  };
  const checkpoints = new Checkpoints(engine.keyValue, blobs);
  const key = "acme/echo/c1";
  const { state } = await world.run(checkpoints.load(key));
  const large = { index: 0, id: "m1" as never, role: "user", text: "x".repeat(400_000), at: 1 };
  state.tail.push(large as never);
  const revision = await world.run(checkpoints.save(key, state, 0));
  state.tail.splice(0);
  state.journaled = 7;
  await world.run(checkpoints.save(key, state, revision));
  expect(put).toHaveLength(1);
  expect(await world.run(engine.blobStore.get(put[0] ?? ""))).toBeUndefined();
});
