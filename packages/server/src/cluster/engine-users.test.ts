import type { HoldfastError, NodeRecord } from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { EngineUsers, type Members, membersOf } from "./engine-users.ts";
import { record } from "./testing/test-cluster.ts";

const n1 = record("n1", "store", "https://127.0.0.1:7401");
const n2 = record("n2", "store", "https://127.0.0.1:7402");
const n3 = record("n3", "compute", "https://127.0.0.1:7403");

function start(apply: (members: Members) => Promise<void>, initial?: Members) {
  const clock = createVirtualClock();
  const reports: HoldfastError[] = [];
  let records: readonly NodeRecord[] = [n1];
  const users = new EngineUsers(
    {
      node: "n1",
      role: "store",
      clock,
      records: () => records,
      apply,
      report: (error) => reports.push(error),
    },
    initial,
  );
  return {
    users,
    clock,
    reports,
    see(next: readonly NodeRecord[]) {
      records = next;
      users.wake();
    },
  };
}

test("users are all members and this node, routes the engines of other store nodes", () => {
  const removed: NodeRecord = {
    ...record("n4", "store", "https://127.0.0.1:7404"),
    state: "removed",
  };
  const known: NodeRecord = { ...n2, engineKey: "ab" };
  expect(membersOf("n1", "store", [known, n3, removed])).toEqual({
    users: [
      { node: "n1", role: "store" },
      { node: "n2", role: "store", engineKey: "ab" },
      { node: "n3", role: "compute" },
    ],
    others: [n2.engine],
    urls: ["https://127.0.0.1:7402"],
  });
});

test("changes that come while one is put into force are taken together afterwards", async () => {
  const applied: Members[] = [];
  const gates: (() => void)[] = [];
  const world = start(async (members) => {
    applied.push(members);
    await new Promise<void>((resolve) => gates.push(resolve));
  });
  world.see([n1, n2]);
  world.see([n1]);
  world.see([n1, n2, n3]);
  expect(applied).toHaveLength(1);
  gates.shift()?.();
  await world.clock.runUntil(() => gates.length === 1);
  gates.shift()?.();
  await world.users.knows("n3");
  expect(applied.map(({ users }) => users.length)).toEqual([2, 3]);
  world.see([n1, n2, n3]);
  await world.clock.advance(60_000);
  expect(applied).toHaveLength(2);
});

test("what failed is tried again after a pause, and reported each time", async () => {
  let tries = 0;
  const world = start(async () => {
    tries += 1;
    if (tries < 3) throw new Error("the server refused");
  });
  world.see([n1, n2]);
  const known = world.users.knows("n2");
  await world.clock.runUntil(known);
  expect(tries).toBe(3);
  expect(world.reports.map(({ message }) => message)).toEqual([
    "the server refused",
    "the server refused",
  ]);
});

test("who waits for a node that the engine does not take is told so in time", async () => {
  const world = start(async () => undefined, membersOf("n1", "store", [n1]));
  const known = expect(world.users.knows("n2")).rejects.toMatchObject({
    code: "engine_unavailable",
    retryAfterMs: 1_000,
  });
  await world.clock.advance(20_000);
  await known;
});

test("nothing is put into force when the engine was started with it, nor after the end", async () => {
  let calls = 0;
  const world = start(
    async () => {
      calls += 1;
    },
    membersOf("n1", "store", [n1]),
  );
  world.see([n1]);
  await world.clock.advance(1_000);
  await world.users.close();
  world.see([n1, n2]);
  await world.clock.advance(1_000);
  expect(calls).toBe(0);
});
