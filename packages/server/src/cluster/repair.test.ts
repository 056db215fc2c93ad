import { clusterBucket, encodeJson, HoldfastError, type KeyValue } from "@holdfast/core";
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
  const health = async () => ({ metaLeader: "holdfast-n1", servers: peers, streams: [stream] });
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
  return { clock, repair, phase, store };
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
