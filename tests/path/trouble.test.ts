import {
  type Agent,
  Checkpoints,
  HoldfastError,
  type Model,
  type NewMessage,
} from "@holdfast/core";
import { createMemoryEngine, type Faults } from "@holdfast/engine";
import type { PathNode } from "@holdfast/testkit";
import { describe, expect, test } from "vitest";
import { newConversation } from "../../packages/core/src/path/conversation-state.ts";
import {
  answerTo,
  createWorld,
  echoAgent,
  echoModel,
  historyOf,
  message,
  textsOf,
} from "./path-fixture.ts";

type World = ReturnType<typeof createWorld>;
type Operation = Parameters<Faults["decide"]>[0];
type Fault = ReturnType<Faults["decide"]>;

/** A node on a connection whose faults the test chooses. */
async function startFaulty(
  world: World,
  decide: (operation: Operation) => Partial<Fault> | undefined,
  model: Model = echoModel(),
): Promise<PathNode> {
  const faults: Faults = { decide: (operation) => ({ outcome: "ok", ...decide(operation) }) };
  const engine = createMemoryEngine(world.store, { clock: world.clock, faults });
  return world.start({ model, engine });
}

/** True for the first operation that fits. */
function firstTime(fits: (operation: Operation) => boolean): (operation: Operation) => boolean {
  let isOver = false;
  return (operation) => {
    if (isOver || !fits(operation)) return false;
    isOver = true;
    return true;
  };
}

function historyTexts(world: World, node: PathNode, asked: NewMessage = message("")) {
  return world.run(historyOf(node, asked)).then(textsOf);
}

describe("a conversation", () => {
  test("is not loaded a second time over what happened since the first", async () => {
    const world = createWorld();
    const isFirst = firstTime(({ kind, target }) => kind === "read" && target === "checkpoints");
    const node = await startFaulty(world, (operation) =>
      isFirst(operation) ? { outcome: "refuse" } : undefined,
    );
    // The delivery of the first fails to load the conversation and is to try again later; the second
    // loads it before that, and both are answered.
    await world.run(node.conversations.submit(message("one")));
    await world.clock.advance(50);
    await world.run(node.conversations.submit(message("two")));
    await world.clock.advance(1_000);
    await world.run(answerTo(node, message("three")));
    const texts = await historyTexts(world, node);
    expect(texts.filter((text) => text.startsWith("user"))).toEqual([
      "user: one",
      "user: two",
      "user: three",
    ]);
  });

  test("keeps its owner when the answer to a checkpoint was lost", async () => {
    const world = createWorld();
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(engine.provision({ logs: [], buckets: ["checkpoints"] }));
    const checkpoints = new Checkpoints(engine.keyValue, engine.blobStore);
    const at = (journaled: number) => ({ ...newConversation(), journaled });
    const save = (journaled: number, revision: number) =>
      world.run(checkpoints.save("acme/echo/c1", at(journaled), revision));
    const first = await save(5, 0);
    // The owner never learned of revision `first`, and went on.
    const second = await save(7, 0);
    expect(second).toBeGreaterThan(first);
    expect(await save(7, 0)).toBe(second);
    // A deposed owner comes late.
    await expect(save(6, first)).rejects.toMatchObject({ code: "ownership_lost" });
    const { state } = await world.run(checkpoints.load("acme/echo/c1"));
    expect(state.journaled).toBe(7);
  });

  test("shows the answer that was committed, though another try writes its own later", async () => {
    const world = createWorld();
    let calls = 0;
    const model: Model = {
      async *stream() {
        calls += 1;
        yield { type: "text", text: `${calls}`.repeat(120_000) };
        const usage = { inputTokens: 1, outputTokens: 1 };
        yield { type: "finish", reason: "stop", usage, model: "m" };
      },
    };
    const isFirst = firstTime(({ target }) => target.startsWith("answer."));
    const late = (operation: Operation) => (isFirst(operation) ? { requestMs: 20_000 } : undefined);
    const node = await startFaulty(world, late, model);
    await world.run(node.conversations.submit(message("tell")));
    await world.clock.advance(15_000);
    const before = await historyTexts(world, node);
    await world.clock.advance(15_000);
    expect(before[1]).toMatch(/^assistant: 2+$/);
    expect(await historyTexts(world, node)).toEqual(before);
  });

  test("keeps the long text that a key named first, though a deposed owner takes another", async () => {
    const world = createWorld();
    // It hears of what others accept only after ten seconds.
    const faults: Faults = { decide: () => ({ outcome: "ok" }), deliveryDelayMs: () => 10_000 };
    const engine = createMemoryEngine(world.store, { clock: world.clock, faults });
    const deposed = await world.start({ engine });
    const owner = await world.start();
    const [first, second] = ["a".repeat(200_000), "b".repeat(200_000)];
    await world.run(answerTo(owner, message(first, { key: "k" })));
    await world.run(deposed.conversations.submit(message(second, { key: "k" })));
    await world.clock.advance(5_000);
    expect((await historyTexts(world, owner))[0]).toBe(`user: ${first}`);
  });

  test("of one call ends once, though its client's node cannot be told", async () => {
    const world = createWorld();
    const hanging: Model = {
      async *stream(_, signal) {
        await new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
        });
        signal.throwIfAborted();
      },
    };
    const first = await world.start({ model: hanging });
    await world.run(first.conversations.submit(message("one call", { ephemeral: true })));
    await first.close();
    // Larger than what the bus takes.
    const huge: Model = {
      async *stream() {
        yield { type: "text", text: "x".repeat(1_200_000) };
        const usage = { inputTokens: 1, outputTokens: 1 };
        yield { type: "finish", reason: "stop", usage, model: "m" };
      },
    };
    const second = await world.start({ model: huge });
    await world.clock.advance(10_000);
    // What the bus cannot hold is read from the history by whoever waits.
    expect(second.reports).toEqual([]);
    expect(second.pending.size).toBe(0);
    await second.close();
    const third = await world.start();
    await world.run(answerTo(third, message("next")));
    expect(third.reports).toEqual([]);
  });
});

describe("an owner", () => {
  test("recognises its own opening, which it had given up for lost", async () => {
    const world = createWorld();
    const delays = [3_000, 1_500];
    const start = startFaulty(world, ({ kind, target }) => {
      const requestMs = kind === "append" && target === "journal-0" ? delays.shift() : undefined;
      return requestMs === undefined ? undefined : { requestMs };
    });
    const node = await start;
    const events = await world.run(answerTo(node, message("hello")));
    expect(events.at(-1)).toMatchObject({ type: "committed" });
  });
});

describe("a dead letter", () => {
  test("is not of a message that the next owner answers", async () => {
    const world = createWorld();
    let isBroken = true;
    const echo = echoModel();
    const model: Model = {
      async *stream(request, signal) {
        if (isBroken) throw new Error("always");
        yield* echo.stream(request, signal);
      },
    };
    // The node dies when its letter is written and its journal does not say so yet.
    const engine = createMemoryEngine(world.store, {
      clock: world.clock,
      faults: {
        decide({ kind, target }) {
          if (kind === "write" && target === "dead-letters") {
            world.clock.soon(() => engine.cutOff());
          }
          return { outcome: "ok" };
        },
      },
    });
    const node = await world.start({ engine, model });
    await world.run(node.conversations.submit(message("poison")));
    await world.clock.advance(60_000);
    await node.close();
    await world.run(engine.close());
    isBroken = false;
    const next = await world.start({ model });
    await world.run(answerTo(next, message("next")));
    expect(await historyTexts(world, next)).toEqual(["user: next", "assistant: echo: next"]);
    expect(await world.run(next.conversations.deadLetters(undefined))).toHaveLength(1);
  });

  test("is not written for what the engine did", async () => {
    const world = createWorld();
    let isAway = true;
    const node = await startFaulty(world, ({ kind, writes }) =>
      kind === "blob" && !writes && isAway ? { outcome: "refuse" } : undefined,
    );
    await world.run(node.conversations.submit(message("x".repeat(100_000))));
    await world.clock.advance(5 * 60_000);
    expect(await world.run(node.conversations.deadLetters(undefined))).toEqual([]);
    isAway = false;
    await world.clock.advance(60_000);
    expect(await historyTexts(world, node)).toHaveLength(2);
  });

  test("is not written for a model that is away while the node is restarted", async () => {
    const world = createWorld();
    const away: Model = {
      async *stream() {
        throw new HoldfastError("model_unavailable", "The model is away.");
      },
    };
    for (let start = 0; start < 8; start += 1) {
      const node = await world.start({ model: away });
      if (start === 0) await world.run(node.conversations.submit(message("patience")));
      await world.clock.advance(10_000);
      await node.close();
    }
    const node = await world.start();
    await world.clock.advance(60_000);
    expect(await historyTexts(world, node)).toEqual([
      "user: patience",
      "assistant: echo: patience",
    ]);
  });

  test("takes no neighbour along that was collected with its message", async () => {
    const world = createWorld();
    const collecting: Agent = { ...echoAgent, queue: { mode: "collect", debounceMs: 500 } };
    const echo = echoModel();
    const model: Model = {
      async *stream(request, signal) {
        if (request.messages.some(({ text }) => text === "poison")) throw new Error("always");
        yield* echo.stream(request, signal);
      },
    };
    const node = await world.start({ model, agents: [collecting] });
    for (const text of ["one", "poison", "two"]) {
      await world.run(node.conversations.submit(message(text)));
    }
    await world.clock.advance(5 * 60_000);
    const letters = await world.run(node.conversations.deadLetters(undefined));
    expect(letters.map((letter) => letter.message.content)).toEqual([
      { type: "text", text: "poison" },
    ]);
    expect(await historyTexts(world, node)).toEqual([
      "user: one",
      "assistant: echo: one",
      "user: two",
      "assistant: echo: two",
    ]);
  });
});
