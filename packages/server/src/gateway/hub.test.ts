import {
  type AgentName,
  type ConversationId,
  HoldfastError,
  type OrganizationName,
} from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, it } from "vitest";
import { MemoryConversations } from "../http/testing/memory-conversations.ts";
import { memoryKeyValue } from "../http/testing/memory-key-value.ts";
import { SessionHub } from "./hub.ts";
import { gatewayLimits } from "./limits.ts";
import { SessionIndex } from "./session-index.ts";

const ref = {
  organization: "demo" as OrganizationName,
  agent: "greeter" as AgentName,
  conversation: "main" as ConversationId,
};

function open() {
  const clock = createVirtualClock();
  const conversations = new MemoryConversations();
  const report = () => undefined;
  const index = new SessionIndex({ keyValue: memoryKeyValue(), clock, report });
  return { clock, conversations, hub: new SessionHub({ conversations, clock, index, report }) };
}

it("follows a run on while its turn is tried again", async () => {
  const { clock, conversations, hub } = open();
  const ask = conversations.ask.bind(conversations);
  let tries = 0;
  conversations.ask = async (message, signal) => {
    tries += 1;
    if (tries === 2) throw new HoldfastError("engine_unavailable", "no leader");
    if (tries === 3) return ask({ ...message, key: "other" }, signal);
    const failed = {
      type: "failed",
      inputs: [],
      code: "model_unavailable",
      message: "away",
      final: false,
    } as const;
    const events = (async function* () {
      yield failed;
    })();
    return { id: "m1" as never, duplicate: false, events };
  };
  const { run, follow } = await hub.start({ ref, id: "k1", text: "hi", timeoutMs: 600_000 });
  follow();
  await clock.advance(gatewayLimits.followRetryMaxMs);
  expect(tries).toBe(3);
  expect(run.outcome).toMatchObject({ status: "ok", text: "echo: hi" });
});

it("says in the end what kept a run from its answer", async () => {
  const { clock, conversations, hub } = open();
  conversations.ask = async () => {
    const failed = { inputs: [], code: "model_unavailable", message: "away", final: false };
    const events = (async function* () {
      yield { type: "failed", ...failed } as const;
    })();
    return { id: "m1" as never, duplicate: false, events };
  };
  const { run, follow } = await hub.start({ ref, id: "k1", text: "hi", timeoutMs: 5_000 });
  follow();
  await clock.advance(6_000);
  expect(run.outcome).toMatchObject({
    status: "timeout",
    error: { code: "UNAVAILABLE", message: "away" },
  });
  expect(hub.run("demo", "k1")).toBe(run);
  expect(hub.run(null, "k1")).toBe(run);
  expect(hub.run("other", "k1")).toBeUndefined();
});

it("takes a repeat for the run that is still being accepted, and another text for a conflict", async () => {
  const { conversations, hub } = open();
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const ask = conversations.ask.bind(conversations);
  conversations.ask = async (message, signal) => {
    await gate;
    return ask(message, signal);
  };
  const wanted = { ref, id: "k1", text: "hi", timeoutMs: 5_000 };
  const first = hub.start(wanted);
  const second = hub.start(wanted);
  const other = hub.start({ ...wanted, text: "ho" });
  await expect(other).rejects.toMatchObject({ shape: { code: "INVALID_REQUEST" } });
  release();
  const [begun, repeat] = await Promise.all([first, second]);
  expect(repeat.run).toBe(begun.run);
  expect([begun.isRepeat, repeat.isRepeat]).toEqual([false, true]);
  expect(conversations.submitted).toHaveLength(1);
  expect((await hub.start(wanted)).run).toBe(begun.run);
});

it("lets go of a run that could not begin", async () => {
  const { conversations, hub } = open();
  conversations.refuse = new HoldfastError("agent_busy", "too much");
  const start = hub.start({ ref, id: "k1", text: "hi", timeoutMs: 5_000 });
  await expect(start).rejects.toMatchObject({ code: "agent_busy" });
  expect(hub.activeRuns(ref)).toEqual([]);
  expect(hub.run("demo", "k1")).toBeUndefined();
  conversations.refuse = undefined;
  const again = await hub.start({ ref, id: "k1", text: "another", timeoutMs: 5_000 });
  expect(again.isRepeat).toBe(false);
});
