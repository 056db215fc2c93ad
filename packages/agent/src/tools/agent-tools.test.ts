import {
  type Conversations,
  type ConversationEvent,
  HoldfastError,
  limits,
  type MessageId,
} from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { createWorld } from "./testing/world.ts";

const committed = (...texts: readonly string[]): ConversationEvent =>
  ({
    type: "committed",
    inputs: ["m1"],
    messages: [
      { role: "user", text: "question" },
      ...texts.map((text) => ({ role: "assistant", text })),
    ],
  }) as unknown as ConversationEvent;

const answering =
  (...events: readonly ConversationEvent[]): Conversations["ask"] =>
  async () => ({
    id: "m1" as MessageId,
    duplicate: false,
    events: (async function* () {
      yield* events;
    })(),
  });

async function worldWith(ask: Conversations["ask"], allow?: readonly string[]) {
  const world = await createWorld({ ask });
  world.declare("main", [{ type: "agents", ...(allow ? { allow: [...allow] } : {}) }]);
  world.declare("helper", undefined);
  world.declare("clerk", undefined);
  world.declare("stranger", undefined, "rival");
  return world;
}

const hello = { agent: "helper", message: "hello" };

describe("agent_send", () => {
  test("gives the other agent's last words, and the same call has the same key", async () => {
    const world = await worldWith(answering(committed("let me see", "here you are")));
    expect(await world.call("agent_send", hello)).toEqual({
      text: "here you are",
      isError: false,
    });
    await world.call("agent_send", hello);
    await world.call("agent_send", hello, { idempotencyKey: "turn-2:1" });
    const [first, second, third] = world.asked;
    expect(first).toMatchObject({
      organization: "acme",
      agent: "helper",
      conversation: "from:main:c1",
      content: { type: "text", text: "hello" },
      depth: 1,
    });
    expect(second?.key).toBe(first?.key);
    expect(third?.key).not.toBe(first?.key);
    expect(third?.conversation).toBe(first?.conversation);
    await world.close();
  });

  test("cannot speak up in a conversation that is not its own", async () => {
    const world = await worldWith(answering(committed("yes")));
    const long = "c".repeat(limits.conversationIdLength);
    for (const conversation of ["telegram:42", "a b/../ü", long]) {
      await world.call("agent_send", { ...hello, conversation });
    }
    const ids = world.asked.map((message) => message.conversation);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) {
      expect(id).toMatch(/^from:main:/);
      expect(id.length).toBeLessThanOrEqual(limits.conversationIdLength);
    }
    await world.close();
  });

  test("names who can be reached, never another organization's", async () => {
    const world = await worldWith(answering(committed("yes")));
    for (const agent of ["nobody", "stranger", "rival/stranger", "../x"]) {
      const result = await world.call("agent_send", { agent, message: "hello" });
      expect(result).toMatchObject({ isError: true, code: "agent_not_found" });
      expect(result.text).toContain("helper, clerk");
      expect(result.text.replace(agent, "")).not.toContain("stranger");
    }
    expect(world.asked).toEqual([]);
    await world.close();
  });

  test("keeps to its allow list", async () => {
    const world = await worldWith(answering(committed("yes")), ["clerk"]);
    expect(await world.call("agent_send", hello)).toMatchObject({
      code: "agent_not_found",
      text: expect.stringContaining("clerk"),
    });
    expect((await world.call("agent_send", { ...hello, agent: "clerk" })).text).toBe("yes");
    await world.close();
  });

  test("ends a circle at the depth limit", async () => {
    const world = await worldWith(answering(committed("yes")));
    const at = (depth: number) => world.call("agent_send", hello, { depth });
    expect((await at(limits.agentDepth - 1)).isError).toBe(false);
    expect(await at(limits.agentDepth)).toMatchObject({ code: "agent_depth_exceeded" });
    expect(world.asked).toHaveLength(1);
    await world.close();
  });

  test("reports a failure of the other agent, and throws one of the node", async () => {
    const failure = { type: "failed", code: "model_rejected", message: "no key", final: true };
    const failing = await worldWith(answering(failure as unknown as ConversationEvent));
    expect(await failing.call("agent_send", hello)).toMatchObject({
      code: "tool_failed",
      text: expect.stringContaining("model_rejected"),
    });
    await failing.close();
    const busy = await worldWith(() =>
      Promise.reject(new HoldfastError("conversation_busy", "It is full.")),
    );
    expect(await busy.call("agent_send", hello)).toMatchObject({ code: "conversation_busy" });
    await busy.close();
    const away = await worldWith(() =>
      Promise.reject(new HoldfastError("engine_unavailable", "It is away.")),
    );
    await expect(away.call("agent_send", hello)).rejects.toMatchObject({
      code: "engine_unavailable",
    });
    await away.close();
  });
});
