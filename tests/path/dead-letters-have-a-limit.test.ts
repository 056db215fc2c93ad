import { type ConversationId, DeadLetters, limits, type Model, storagePlan } from "@holdfast/core";
import { createMemoryEngine } from "@holdfast/engine";
import { describe, expect, test } from "vitest";
import { answerTo, createWorld, echoModel, message } from "./path-fixture.ts";

const other = { conversation: "c2" as ConversationId };

describe("an organization with as many dead letters as it may have", () => {
  test("keeps its failing messages until there is room", async () => {
    const world = createWorld();
    let tries = 0;
    const echo = echoModel();
    const model: Model = {
      async *stream(request, signal) {
        if (!request.messages.at(-1)?.text.startsWith("poison"))
          return yield* echo.stream(request, signal);
        tries += 1;
        throw new Error("always");
      },
    };
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    const node = await world.start({ engine, model });
    Object.assign(node.services, { deadLetters: new DeadLetters(engine.keyValue, 1) });
    const { conversations, reports } = node;
    const letters = () => world.run(conversations.deadLetters("acme"));
    await world.run(answerTo(node, message("poison")));
    const postponed = await world.run(answerTo(node, message("poison 2", other)));
    expect(postponed.at(-1)).toMatchObject({
      type: "failed",
      final: false,
      retryAfterMs: limits.turnRetryMaxMs,
    });
    expect(await letters()).toHaveLength(1);
    expect(reports.at(-1)).toMatchObject({ code: "dead_letters_full" });
    expect(node.pending.size).toBe(1);
    // It is tried on.
    const before = tries;
    await world.clock.advance(limits.turnRetryMaxMs + 1_000);
    expect(tries).toBe(before + 1);
    expect(await letters()).toHaveLength(1);
    const [letter] = await letters();
    await world.run(conversations.discard("acme", letter?.id ?? ""));
    expect(await letters()).toEqual([]);
    await world.clock.advance(limits.turnRetryMaxMs + 1_000);
    expect(await letters()).toMatchObject([{ message: { conversation: "c2" } }]);
    expect(node.pending.size).toBe(0);
  });
});

describe("a dead letter", () => {
  test("is found by its own id, in its own organization", async () => {
    const { engine, run, letter } = createLetters();
    await run(engine.provision(storagePlan(1)));
    const letters = new DeadLetters(engine.keyValue);
    await run(letters.add(letter("m1")));
    await run(letters.add(letter("xm1")));
    expect(await run(letters.get("acme", "m1"))).toMatchObject({ id: "m1" });
    expect(await run(letters.get(undefined, "xm1"))).toMatchObject({ id: "xm1" });
    for (const [organization, id] of [
      ["acme", "m2"],
      ["other", "m1"],
      ["acme", "echo"],
    ] as const) {
      await expect(run(letters.get(organization, id))).rejects.toMatchObject({
        code: "message_not_found",
      });
    }
  });
});

function createLetters() {
  const world = createWorld();
  const engine = createMemoryEngine(world.store, { clock: world.clock });
  const letter = (id: string) =>
    ({
      id,
      message: { ...message("poison"), id, receivedAt: 0, depth: 0 },
      code: "internal",
      reason: "always",
      attempts: 5,
      at: 0,
    }) as Parameters<DeadLetters["add"]>[0];
  return { engine, letter, run: world.run };
}
