import type { ConversationId, Model, Tools } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import {
  answerTo,
  createWorld,
  echoAgent,
  echoModel,
  historyOf,
  message,
  textsOf,
} from "./path-fixture.ts";

describe("a message", () => {
  test("is answered once and stands in the history", async () => {
    const world = createWorld();
    const node = await world.start();
    const events = await world.run(answerTo(node, message("hello")));
    expect(events.map(({ type }) => type)).toEqual(["started", "delta", "committed"]);
    const history = await world.run(historyOf(node, message("")));
    expect(textsOf(history)).toEqual(["user: hello", "assistant: echo: hello"]);
    expect(history.map(({ index }) => index)).toEqual([0, 1]);
  });

  test("with a key takes effect once, also after a crash", async () => {
    const world = createWorld();
    const node = await world.start();
    const first = await world.run(node.conversations.submit(message("pay", { key: "k1" })));
    const again = await world.run(node.conversations.submit(message("pay", { key: "k1" })));
    expect(first.duplicate).toBe(false);
    expect(again).toEqual({ id: first.id, duplicate: true });
    await world.run(answerTo(node, message("next")));
    await node.close();
    const second = await world.start();
    const events = await world.run(answerTo(second, message("pay", { key: "k1" })));
    expect(events.at(-1)).toMatchObject({ type: "committed", inputs: [first.id] });
    expect(textsOf(await world.run(historyOf(second, message(""))))).toEqual([
      "user: pay",
      "assistant: echo: pay",
      "user: next",
      "assistant: echo: next",
    ]);
    await expect(
      world.run(second.conversations.submit(message("another", { key: "k1" }))),
    ).rejects.toMatchObject({ code: "idempotency_conflict" });
  });

  test("of many is handled in the order acknowledged, in every conversation", async () => {
    const world = createWorld();
    const node = await world.start();
    const conversations = ["a", "b", "c", "d"] as ConversationId[];
    const sent = conversations.flatMap((conversation) =>
      Array.from({ length: 60 }, (_, n) => message(`${conversation}${n}`, { conversation })),
    );
    await world.run(Promise.all(sent.map((each) => node.conversations.submit(each))));
    for (const conversation of conversations) {
      await world.run(answerTo(node, message("last", { conversation })));
      const history = await world.run(historyOf(node, message("", { conversation })));
      const users = history.filter(({ role }) => role === "user").map(({ text }) => text);
      expect(users).toEqual([
        ...Array.from({ length: 60 }, (_, n) => `${conversation}${n}`),
        "last",
      ]);
      expect(history.map(({ index }) => index)).toEqual(history.map((_, index) => index));
    }
  });

  test("that was acknowledged before a crash is answered after it, once and in order", async () => {
    const world = createWorld();
    const hanging: Model = {
      async *stream(_, signal) {
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        });
      },
    };
    const node = await world.start({ model: hanging });
    for (let n = 0; n < 10; n += 1) {
      await world.run(node.conversations.submit(message(`m${n}`)));
    }
    await node.close();
    const second = await world.start();
    await world.run(answerTo(second, message("last")));
    const history = textsOf(await world.run(historyOf(second, message(""))));
    expect(history).toEqual(
      [...Array.from({ length: 10 }, (_, n) => `m${n}`), "last"].flatMap((text) => [
        `user: ${text}`,
        `assistant: echo: ${text}`,
      ]),
    );
  });

  test("over the conversation's limit is refused with a code, and the others are answered", async () => {
    const world = createWorld();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const echo = echoModel();
    const slow: Model = {
      async *stream(request, signal) {
        await gate;
        yield* echo.stream(request, signal);
      },
    };
    const node = await world.start({ model: slow });
    const results = await world.run(
      Promise.allSettled(
        Array.from({ length: 120 }, (_, n) => node.conversations.submit(message(`m${n}`))),
      ),
    );
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(20);
    expect(refused[0]).toMatchObject({
      reason: { code: "conversation_busy", retryAfterMs: 1_000 },
    });
    release();
    await world.run(answerTo(node, message("other", { conversation: "c2" as ConversationId })));
  });
});

describe("a failing turn", () => {
  test("is tried five times, then its message is a dead letter that can be replayed", async () => {
    const world = createWorld();
    let broken = true;
    let tries = 0;
    const echo = echoModel();
    const model: Model = {
      async *stream(request, signal) {
        const isPoison = request.messages.at(-1)?.text === "poison";
        if (isPoison) tries += 1;
        if (isPoison && broken) throw new Error("always");
        yield* echo.stream(request, signal);
      },
    };
    const node = await world.start({ model });
    const failed = world.run(answerTo(node, message("poison")));
    expect((await failed).at(-1)).toMatchObject({ type: "failed", code: "internal", final: true });
    expect(tries).toBe(5);
    const letters = await world.run(node.conversations.deadLetters("acme"));
    expect(letters).toMatchObject([
      { code: "internal", attempts: 5, message: { conversation: "c1" } },
    ]);
    // The conversation goes on behind it.
    const next = await world.run(answerTo(node, message("next")));
    expect(next.at(-1)).toMatchObject({ type: "committed" });
    broken = false;
    const replay = () => world.run(node.conversations.replay("acme", letters[0]?.id ?? ""));
    await replay();
    await world.run(answerTo(node, message("last")));
    const answers = async () => textsOf(await world.run(historyOf(node, message(""))));
    expect(await answers()).toContain("assistant: echo: poison");
    expect(await world.run(node.conversations.deadLetters("acme"))).toEqual([]);
    // A next owner that finds all tries used up writes the letter again: it is not replayed twice.
    const [letter] = letters;
    if (!letter) throw new Error("no letter was written");
    await world.run(node.services.deadLetters.add({ ...letter, at: letter.at + 1 }));
    await replay();
    await world.run(answerTo(node, message("once more")));
    expect((await answers()).filter((text) => text.endsWith("echo: poison"))).toHaveLength(1);
  });

  test("that ends the node every time is given up after five tries, and only it", async () => {
    const world = createWorld();
    const echo = echoModel();
    let runs = 0;
    for (let start = 0; start < 9; start += 1) {
      const model: Model = {
        async *stream(request, signal) {
          if (request.messages.at(-1)?.text === "poison") {
            runs += 1;
            await new Promise((_, reject) =>
              signal.addEventListener("abort", () => reject(new Error("aborted"))),
            );
          }
          yield* echo.stream(request, signal);
        },
      };
      const node = await world.start({ model });
      if (start === 0) {
        await world.run(node.conversations.submit(message("poison")));
        await world.run(
          node.conversations.submit(message("fine", { conversation: "c2" as ConversationId })),
        );
      }
      await world.clock.advance(2_000);
      await node.close();
    }
    const node = await world.start();
    expect(runs).toBeLessThanOrEqual(6);
    expect(await world.run(node.conversations.deadLetters(undefined))).toMatchObject([
      { code: "turn_failed", message: { conversation: "c1" } },
    ]);
    const fine = await world.run(
      historyOf(node, message("", { conversation: "c2" as ConversationId })),
    );
    expect(textsOf(fine)).toEqual(["user: fine", "assistant: echo: fine"]);
  });
});

describe("a turn with tools", () => {
  test("continues from its last finished step after a crash at each of its steps", async () => {
    for (const idempotent of [true, false]) {
      for (let crashAt = 1; crashAt <= 12; crashAt += 1) {
        const { effects, history } = await crashedToolTurn(crashAt, idempotent);
        const answer = history.at(-1) ?? "";
        expect(answer, `crash at step ${crashAt}`).toMatch(
          /^assistant: done: (paid|Outcome unknown)/,
        );
        if (idempotent) expect(answer).toBe("assistant: done: paid");
        expect(history[0]).toBe("user: pay");
        expect(effects.size).toBeLessThanOrEqual(1);
        const runs = [...effects.values()][0] ?? 0;
        if (!idempotent) expect(runs).toBeLessThanOrEqual(1);
        if (answer === "assistant: done: paid") expect(runs).toBeGreaterThanOrEqual(1);
      }
    }
  });
});

/** A turn that calls one tool; the node crashes at the n-th place it reaches and another goes on. */
async function crashedToolTurn(crashAt: number, idempotent: boolean) {
  const world = createWorld(crashAt);
  const effects = new Map<string, number>();
  const tools: Tools = {
    describe: async () => ({
      tools: [{ name: "pay", description: "", parameters: { type: "object" }, idempotent }],
      missing: [],
    }),
    async call(_, { idempotencyKey }) {
      effects.set(idempotencyKey, (effects.get(idempotencyKey) ?? 0) + 1);
      return { text: "paid", isError: false };
    },
  };
  const model: Model = {
    async *stream(request) {
      const result = request.messages.findLast(({ role }) => role === "tool");
      if (result) yield { type: "text", text: `done: ${result.text}` };
      else yield { type: "tool-call", call: { id: "call-1", name: "pay", arguments: "{}" } };
      const reason = result ? "stop" : "tool-calls";
      yield { type: "finish", reason, usage: { inputTokens: 1, outputTokens: 1 }, model: "m" };
    },
  };
  let places = 0;
  let isCrashed = false;
  const node = await world.start({
    model,
    tools,
    agents: [echoAgent],
    reach(name) {
      // Delivery has no caller to stop: what it hands over meets a closed partition.
      if (name === "afterDelivery") return;
      if (isCrashed) throw new Error("the node is dead");
      places += 1;
      if (places === crashAt) {
        isCrashed = true;
        for (const partition of node.ownership.open()) void partition.close();
        throw new Error("the node is dead");
      }
    },
  });
  void node.conversations.submit(message("pay", { key: "k" })).catch(() => undefined);
  await world.clock.advance(5_000);
  await node.close();
  const second = await world.start({ model, tools });
  // The client's repeat: the key makes it take effect once, accepted before or not.
  await world.run(answerTo(second, message("pay", { key: "k" })));
  return { effects, history: textsOf(await world.run(historyOf(second, message("")))) };
}
