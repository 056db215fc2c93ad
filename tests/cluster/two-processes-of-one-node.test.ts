import { HoldfastError, type KeyValue, type NodeId } from "@holdfast/core";
import type { MemoryEngine } from "@holdfast/engine";
import { expect, test } from "vitest";
import { recordStart } from "../../packages/core/src/cluster/process-start.ts";
import { answerTo, message } from "../path/path-fixture.ts";
import { type ClusterNode, createClusterWorld } from "./cluster-fixture.ts";

/** Whether each process was told that a later one has started. */
function outlivedOf(...nodes: readonly ClusterNode[]): boolean[] {
  const told = nodes.map(() => false);
  for (const [at, { path }] of nodes.entries()) {
    void path.membership.outlived.then(() => {
      told[at] = true;
    });
  }
  return told;
}

test("of two processes of one node the earlier one is told, and the later one works", async () => {
  const world = createClusterWorld();
  const [n1, first] = (await world.startAll("n1", "n2")) as [ClusterNode, ClusterNode];
  const copy = await world.start("n2");
  const told = outlivedOf(n1, first, copy);
  await world.after(100);
  expect(told).toEqual([false, true, false]);
  await world.run(first.path.close());
  await world.after(60_000);
  for (const agent of world.agents) {
    const events = await world.run(answerTo(n1.path, message("hello", { agent: agent as never })));
    expect(events.at(-1)).toMatchObject({ type: "committed" });
  }
  expect(n1.path.heartbeats.presence("n2" as NodeId)).toBe("alive");
  expect(copy.path.ownership.open().length).toBe(4);
  expect(told).toEqual([false, true, false]);
});

test("a restarted node goes on, also when its earlier process was cut off and is back later", async () => {
  const world = createClusterWorld();
  const [n1, slept] = (await world.startAll("n1", "n2")) as [ClusterNode, ClusterNode];
  slept.engine.cutOff();
  await world.after(10_000);
  const restarted = await world.start("n2");
  const told = outlivedOf(n1, slept, restarted);
  await world.after(60_000);
  expect(told).toEqual([false, false, false]);
  slept.engine.mend();
  await world.after(60_000);
  expect(told).toEqual([false, true, false]);
});

test("every start ends the one before, in whatever order they are stopped", async () => {
  const world = createClusterWorld();
  const n1 = await world.start("n1");
  const lives = [await world.start("n2"), await world.start("n2"), await world.start("n2")];
  const told = outlivedOf(n1, ...lives);
  await world.after(100);
  expect(told).toEqual([false, true, true, false]);
});

/** Writes down the start of a process of n2 through a connection that loses answers, or holds requests back. */
function recordThrough(
  { keyValue }: MemoryEngine,
  send: (write: () => Promise<number>) => Promise<number>,
) {
  const through: KeyValue = {
    ...keyValue,
    update: (...written) => send(() => keyValue.update(...written)),
  };
  return recordStart(through, "n2" as NodeId, "another");
}

test("what a dead process wrote and comes late does not end the next one", async () => {
  const world = createClusterWorld();
  const { engine } = await world.start("n1");
  const sent = Promise.withResolvers<() => Promise<number>>();
  const neverAnswered = new Promise<number>(() => {});
  void recordThrough(engine, (write) => {
    sent.resolve(write);
    return neverAnswered;
  });
  const arrive = await world.run(sent.promise);
  const next = await world.start("n2");
  const told = outlivedOf(next);
  await expect(world.run(arrive())).rejects.toMatchObject({ code: "revision_conflict" });
  await world.after(100);
  expect(told).toEqual([false]);
});

test("a start whose answer was lost counts once", async () => {
  const world = createClusterWorld();
  const { engine } = await world.start("n1");
  const revisions: number[] = [];
  const known = await world.run(
    recordThrough(engine, async (write) => {
      revisions.push(await write());
      throw new HoldfastError("append_outcome_unknown", "The answer was lost.");
    }),
  );
  expect(revisions).toEqual([known]);
});
