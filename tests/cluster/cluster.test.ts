import type { AgentName, ConversationEvent, Model, NewMessage } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { answerTo, historyOf, message, textsOf } from "../path/path-fixture.ts";
import { type ClusterNode, createClusterWorld, shares } from "./cluster-fixture.ts";

const to = (agent: string, text: string, more: Partial<NewMessage> = {}): NewMessage =>
  message(text, { agent: agent as AgentName, ...more });

describe("nodes of one cluster", () => {
  test("share the partitions evenly, and every node serves every conversation", async () => {
    const world = createClusterWorld();
    const nodes = await world.startAll("n1", "n2", "n3", "n4");
    expect(shares(nodes)).toEqual([2, 2, 2, 2]);
    for (const [number, agent] of world.agents.entries()) {
      const [here, there] = [0, 1].map((step) => nodes[(number + step) % 4]?.path);
      if (!here || !there) throw new Error("four nodes were started");
      const events = await world.run(answerTo(here, to(agent, "hello")));
      expect(events.at(-1)).toMatchObject({ type: "committed" });
      expect(events.map(({ type }) => type)).toContain("delta");
      const history = await world.run(historyOf(there, to(agent, "")));
      expect(textsOf(history)).toEqual(["user: hello", "assistant: echo: hello"]);
    }
  });

  test("take over from one that died within 3 s, and answer who waits at another node", async () => {
    const world = createClusterWorld();
    const nodes = await world.startAll("n1", "n2", "n3");
    const [n1, n2, n3] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    await world.kill(n3);
    const startedAt = world.clock.monotonic();
    const answers = await world.run(
      Promise.all(world.agents.map((agent) => answerTo(n2.path, to(agent, "anybody there?")))),
    );
    for (const events of answers) expect(events.at(-1)).toMatchObject({ type: "committed" });
    expect(world.clock.monotonic() - startedAt).toBeLessThan(3_000);
    expect(shares([n1, n2])).toEqual([4, 4]);
  });

  test("elect another coordinator when theirs died", async () => {
    const world = createClusterWorld();
    const nodes = await world.startAll("n1", "n2", "n3");
    const leaders = () => nodes.filter(({ path }) => path.coordinator.isLeading);
    expect(leaders().map(({ path }) => path.name)).toEqual(["n1"]);
    const [n1, n2, n3] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    await world.kill(n1);
    await world.after(4_000);
    expect([n2, n3].filter(({ path }) => path.coordinator.isLeading)).toHaveLength(1);
    expect(shares([n2, n3])).toEqual([4, 4]);
  });

  test("move a drained node's partitions in good order, without a failed or repeated turn", async () => {
    const world = createClusterWorld();
    let calls = 0;
    const slow: Model = {
      async *stream(request) {
        calls += 1;
        await new Promise<void>((resolve) => world.clock.schedule(60, resolve));
        yield { type: "text", text: `re ${request.messages.at(-1)?.text}` };
        const usage = { inputTokens: 1, outputTokens: 1 };
        yield { type: "finish", reason: "stop", usage, model: "m" };
      },
    };
    const n1 = await world.start("n1", { model: slow });
    const n2 = await world.start("n2", { model: slow });
    await world.after(60_000);
    const answers = world.agents.map((agent) => answerTo(n1.path, to(agent, "one")));
    await world.after(20);
    await world.run(n1.path.admin.drain("n2"));
    for (const events of await world.run(Promise.all(answers))) {
      expect(events.at(-1)).toMatchObject({ type: "committed" });
    }
    await world.after(1_000);
    expect(shares([n1, n2])).toEqual([8, 0]);
    expect(calls).toBe(world.agents.length);
    await world.run(n1.path.admin.activate("n2"));
    await world.after(60_000);
    expect(shares([n1, n2])).toEqual([4, 4]);
  });

  test("refuse to drain the last one", async () => {
    const world = createClusterWorld();
    const [n1] = (await world.startAll("n1")) as [ClusterNode];
    await expect(world.run(n1.path.admin.drain("n1"))).rejects.toMatchObject({ code: "last_node" });
    await expect(world.run(n1.path.admin.drain("n9"))).rejects.toMatchObject({
      code: "node_not_found",
    });
  });

  test("give up what they own when they are cut off, and share again when they are back", async () => {
    const world = createClusterWorld();
    const nodes = await world.startAll("n1", "n2");
    const [n1, n2] = nodes as [ClusterNode, ClusterNode];
    n2.engine.cutOff();
    await world.after(4_000);
    expect(shares(nodes)).toEqual([8, 0]);
    expect(n2.path.heartbeats.isCutOff).toBe(true);
    const refused = answerTo(n2.path, to("a0", "hello?"));
    await expect(world.run(refused)).rejects.toMatchObject({ code: "append_outcome_unknown" });
    n2.engine.mend();
    await world.after(60_000);
    expect(shares(nodes)).toEqual([4, 4]);
    const events = await world.run(answerTo(n2.path, to("a1", "back")));
    expect(events.at(-1)).toMatchObject({ type: "committed" });
    expect(n1.path.admin.partitions().every(({ epoch }) => epoch <= 4)).toBe(true);
  });

  test("find a repeat by its key on another node, and answer it there", async () => {
    const world = createClusterWorld();
    const [n1, n2] = (await world.startAll("n1", "n2")) as [ClusterNode, ClusterNode];
    for (const agent of world.agents) {
      const once = to(agent, "pay", { key: "k1" });
      const first = await world.run(n1.path.conversations.submit(once));
      const second = await world.run(n2.path.conversations.ask(once, AbortSignal.timeout(60_000)));
      expect(second).toMatchObject({ id: first.id, duplicate: true });
      const events: ConversationEvent[] = [];
      await world.run(
        (async () => {
          for await (const event of second.events) events.push(event);
        })(),
      );
      expect(events.at(-1)).toMatchObject({ type: "committed", inputs: [first.id] });
      await expect(
        world.run(n2.path.conversations.submit({ ...once, content: { type: "text", text: "no" } })),
      ).rejects.toMatchObject({ code: "idempotency_conflict" });
      expect(await world.run(historyOf(n2.path, once))).toHaveLength(2);
    }
  });

  test("let a client watch a conversation on any node, also after its owner died", async () => {
    const world = createClusterWorld();
    const [n1, n2, n3] = (await world.startAll("n1", "n2", "n3")) as [
      ClusterNode,
      ClusterNode,
      ClusterNode,
    ];
    const seen: string[] = [];
    for (const agent of world.agents) {
      n2.path.conversations.subscribe(to(agent, ""), ({ type }) => {
        if (type === "committed") seen.push(agent);
      });
    }
    await world.after(10);
    for (const agent of world.agents) await world.run(answerTo(n1.path, to(agent, "one")));
    expect(seen.toSorted()).toEqual(world.agents.toSorted());
    await world.kill(n3);
    await world.after(4_000);
    seen.length = 0;
    for (const agent of world.agents) await world.run(answerTo(n1.path, to(agent, "two")));
    expect(seen.toSorted()).toEqual(world.agents.toSorted());
  });

  test("stop one after the other without a message that waits longer than a moment", async () => {
    const world = createClusterWorld();
    const nodes = await world.startAll("n1", "n2", "n3");
    const [n1, n2, n3] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    for (const leaving of [n2, n3]) {
      const left = leaving.path.leave();
      const startedAt = world.clock.monotonic();
      await world.run(
        Promise.all(world.agents.map((agent) => answerTo(n1.path, to(agent, "still there?")))),
      );
      expect(world.clock.monotonic() - startedAt).toBeLessThan(300);
      await world.run(left);
      await world.after(500);
    }
    expect(shares([n1])).toEqual([8]);
  });
});
