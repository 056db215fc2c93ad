import { clusterBucket, HoldfastError, type KeyValue } from "@holdfast/core";
import { createMemoryEngine, createMemoryStore, type EngineAdmin } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
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
  const phase = async () => (await clock.runUntil(repair.progress()))?.phase;
  return { clock, repair, phase };
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
