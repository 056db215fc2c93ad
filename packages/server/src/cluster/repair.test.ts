import { clusterBucket, delay, encodeJson, HoldfastError, type KeyValue } from "@holdfast/core";
import { createMemoryEngine, createMemoryStore, type EngineAdmin } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { operationKey } from "./growth.ts";
import { Repair } from "./repair.ts";

const peer = (name: string) => ({ name, isOnline: true, isSilent: false, isCurrent: true, lag: 0 });
const peers = ["n1", "n2", "n3", "n4"].map((node) => peer(`holdfast-${node}`));

/** Three replicas, one of them on n3, which is dead; so many writes of its progress are lost. */
async function open(replaceStore: EngineAdmin["replaceStore"], lostPuts: number) {
  const clock = createVirtualClock();
  const memory = createMemoryEngine(createMemoryStore(), { clock });
  await clock.runUntil(memory.provision({ logs: [], buckets: [clusterBucket] }));
  const { keyValue } = memory;
  let lost = 0;
  const put: KeyValue["put"] = async (...words) => {
    lost += 1;
    if (lost > lostPuts) return await keyValue.put(...words);
    throw new HoldfastError("engine_unavailable", "no leader");
  };
  const stream = { name: "a", replicas: 3, leader: "holdfast-n1", peers: peers.slice(0, 3) };
  const world = { stream, servers: peers, streams: [stream] };
  const health = async () => ({ metaLeader: "holdfast-n1", ...world });
  const repair = new Repair({
    admin: { health, replaceStore },
    keyValue: {
      get: (...words) => keyValue.get(...words),
      update: (...words) => keyValue.update(...words),
      put,
    },
    membership: { update: async () => undefined },
    clock,
    say: () => {},
    report: () => {},
  });
  const store = (operation: object) =>
    keyValue.put(clusterBucket, operationKey, encodeJson(operation));
  const phase = async () => (await clock.runUntil(repair.progress()))?.phase;
  const stored = () => keyValue.get(clusterBucket, operationKey);
  const revision = async () => (await clock.runUntil(stored()))?.revision ?? 0;
  return { clock, repair, phase, store, world, revision };
}

test.each<[string, EngineAdmin["replaceStore"]]>([
  ["done", async () => {}],
  [
    "failed",
    async () => {
      throw new HoldfastError("store_quorum_at_risk", "too few");
    },
  ],
])("that a replacement is %s is written until it stands there", async (end, replaceStore) => {
  const { clock, repair, phase } = await open(replaceStore, 3);
  await clock.runUntil(repair.start("n3"));
  expect(await phase()).toBe("copying");
  await clock.advance(10_000);
  expect(await phase()).toBe(end);
  await repair.close();
});

test("growth that waits for store nodes keeps no replacement from beginning; one that copies does", async () => {
  const { clock, repair, phase, store } = await open(async () => {}, 0);
  const growth = { kind: "growth", message: "copying", done: 0, total: 1, startedAt: 1 };
  await clock.runUntil(store({ ...growth, phase: "copying" }));
  await expect(clock.runUntil(repair.start("n3"))).rejects.toMatchObject({
    code: "operation_running",
  });
  await clock.runUntil(store({ ...growth, phase: "waiting" }));
  await clock.runUntil(repair.start("n3"));
  await clock.advance(10_000);
  expect(await phase()).toBe("done");
  await repair.close();
});

test("store nodes whose engines take part are told from those that never came up", async () => {
  const { clock, repair } = await open(async () => {}, 0);
  const nodes = await clock.runUntil(repair.inEngine(["n1", "n2", "ghost"]));
  expect(nodes).toEqual(["n1", "n2"]);
  await repair.close();
});

test("a server without streams is the one that leaves, not one of a home of old that works", async () => {
  const replaced: string[] = [];
  const old = peer("holdfast-data");
  const { clock, repair, phase, world } = await open(async (server) => {
    replaced.push(server);
  }, 0);
  world.servers = [old, ...peers];
  world.streams = [{ ...world.stream, peers: [old, ...peers.slice(1, 3)] }];
  for (const node of ["n4", "n5"]) {
    await clock.runUntil(repair.start(node));
    await clock.advance(10_000);
    expect(await phase()).toBe("done");
  }
  // Its server is gone already, and the founder's, which has no name of its own, works.
  expect(replaced).toEqual(["holdfast-n4", "holdfast-n5"]);
  world.servers = [{ ...old, isOnline: false }, ...peers];
  await clock.runUntil(repair.start("founder"));
  await clock.advance(10_000);
  expect(replaced.at(-1)).toBe("holdfast-data");
  await repair.close();
});

test("a replacement that copies for long is begun once, and others see that it goes on", async () => {
  const calls: string[] = [];
  const { clock, repair, phase, revision } = await open(async (server) => {
    calls.push(server);
    await delay(clock, 400_000);
  }, 0);
  await clock.runUntil(repair.start("n3"));
  for (let look = 0; look < 20; look += 1) {
    const before = await revision();
    await clock.advance(60_000 / 3);
    if (look < 15) {
      await clock.runUntil(repair.start("n3"));
      await expect(clock.runUntil(repair.start("n4"))).rejects.toMatchObject({
        code: "operation_running",
      });
      await clock.advance(20_000);
      expect(await revision()).toBeGreaterThan(before);
    }
    if ((await phase()) === "done") break;
  }
  expect(calls).toEqual(["holdfast-n3"]);
  expect(await phase()).toBe("done");
  await repair.close();
});
