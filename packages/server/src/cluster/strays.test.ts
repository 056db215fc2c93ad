import { HoldfastError, type NodeId } from "@holdfast/core";
import type { EngineHealth } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit";
import { afterEach, expect, test } from "vitest";
import { Strays } from "./strays.ts";

const peer = (node: string) => ({
  name: `holdfast-${node}`,
  isOnline: true,
  isSilent: false,
  isCurrent: true,
  lag: 0,
});
const all = ["n1", "n2", "n3", "n4"].map(peer);

let strays: Strays | undefined;

afterEach(async () => {
  await strays?.close();
});

function follow(removed: readonly string[], isCoordinator = true) {
  const clock = createVirtualClock();
  const stream = { name: "a", replicas: 3, leader: "holdfast-n1", peers: all.slice(0, 3) };
  const world = {
    health: { metaLeader: "holdfast-n1", servers: all, streams: [stream] } as EngineHealth,
    atRisk: new Set<string>(),
    refusal: undefined as HoldfastError | undefined,
    looks: 0,
    replaced: [] as string[],
    said: [] as string[],
    reports: [] as HoldfastError[],
  };
  strays = new Strays({
    admin: {
      health: async () => {
        world.looks += 1;
        return world.health;
      },
    },
    repair: {
      start: async (node) => {
        if (world.refusal) throw world.refusal;
        if (world.atRisk.has(node)) throw new HoldfastError("store_quorum_at_risk", "too few");
        world.replaced.push(node);
        const left = (peers: typeof all) => peers.filter(({ name }) => name !== `holdfast-${node}`);
        const { servers, streams, metaLeader } = world.health;
        world.health = {
          metaLeader,
          servers: left([...servers]),
          streams: streams.map((each) => ({ ...each, peers: left([...each.peers]) })),
        };
      },
    },
    membership: { removed: removed as readonly NodeId[] },
    clock,
    isCoordinator: () => isCoordinator,
    say: (text) => world.said.push(text),
    report: (error) => world.reports.push(error),
  });
  return { clock, world, start: () => strays?.start() };
}

test("the servers of removed nodes leave the metadata and the streams, one after the other", async () => {
  const { clock, world, start } = follow(["n3", "n4", "worker-1"]);
  start();
  await clock.advance(60_000);
  expect(world.replaced).toEqual(["n3", "n4"]);
  expect(world.health.servers.map(({ name }) => name)).toEqual(["holdfast-n1", "holdfast-n2"]);
});

test("once nothing of them is left the engine is not asked again", async () => {
  const { clock, world, start } = follow(["worker-1"]);
  start();
  await clock.advance(60_000);
  expect(world.looks).toBe(1);
});

test("only the coordinator acts", async () => {
  const { clock, world, start } = follow(["n4"], false);
  start();
  await clock.advance(60_000);
  expect(world.replaced).toEqual([]);
});

test("an engine that tells of no servers, having no leader, is asked again", async () => {
  const { clock, world, start } = follow(["n4"]);
  const { health } = world;
  world.health = { ...health, metaLeader: undefined, servers: [] };
  start();
  await clock.advance(60_000);
  expect(world.replaced).toEqual([]);
  world.health = health;
  await clock.advance(20_000);
  expect(world.replaced).toEqual(["n4"]);
});

test("one that cannot leave yet keeps no other one", async () => {
  const { clock, world, start } = follow(["n3", "n4"]);
  world.atRisk.add("n3");
  start();
  await clock.advance(30_000);
  expect(world.replaced).toEqual(["n4"]);
});

test("what stands against it is said once, and tried again", async () => {
  const { clock, world, start } = follow(["n3"]);
  world.refusal = new HoldfastError("store_quorum_at_risk", "let another store node join first");
  start();
  await clock.advance(60_000);
  world.refusal = new HoldfastError("operation_running", "busy");
  await clock.advance(60_000);
  world.refusal = undefined;
  await clock.advance(20_000);
  expect(world.replaced).toEqual(["n3"]);
  expect(world.said).toEqual([expect.stringContaining("let another store node join first")]);
  expect(world.reports).toEqual([]);
});
