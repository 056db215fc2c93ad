import {
  clusterBucket,
  encodeJson,
  HoldfastError,
  type KeyValue,
  type NodeRecord,
} from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { type EngineState, Growth, nextStep, operationKey } from "./growth.ts";
import { record } from "./testing/test-cluster.ts";

const peer = (name: string, isCurrent = true) => ({ name, isOnline: true, isCurrent });
const three = [peer("holdfast-n1"), peer("holdfast-n2"), peer("holdfast-n3")];
const witness = peer("holdfast-n1-witness");
const stream = (name: string, replicas: number) => ({ name, replicas });
const stores = ["n1", "n2", "n3"];
const nodes = stores.map((node) => record(node, "store", `https://${node}:7400`));

describe("the next step of growth", () => {
  test.each<[string, string[], boolean, Omit<EngineState, "metaLeader">, string]>([
    ["too few nodes", ["n1", "n2"], true, { servers: three, streams: [] }, "nothing"],
    [
      "an engine that is behind",
      stores,
      true,
      {
        servers: [...three.slice(1), peer("holdfast-n1", false), witness],
        streams: [stream("a", 1)],
      },
      "wait",
    ],
    [
      "a witness is no data server",
      stores,
      true,
      { servers: [...three.slice(1), witness], streams: [stream("a", 1)] },
      "wait",
    ],
    [
      "a node whose name ends like a witness's is one",
      ["n1", "n2", "my-witness"],
      false,
      { servers: [...three.slice(1), peer("holdfast-my-witness")], streams: [stream("a", 1)] },
      "raise",
    ],
    [
      "old names",
      stores,
      true,
      {
        servers: [peer("holdfast-data"), ...three.slice(1), peer("holdfast-witness")],
        streams: [stream("a", 1), stream("b", 3)],
      },
      "raise",
    ],
    [
      "all copied",
      stores,
      true,
      { servers: [...three, witness], streams: [stream("a", 3)] },
      "retire-witness",
    ],
    ["all done", stores, false, { servers: three, streams: [stream("a", 3)] }, "nothing"],
  ])("%s", (_name, nodes, hasWitness, state, expected) => {
    expect(nextStep(nodes, hasWitness, { ...state, metaLeader: "holdfast-n1" }).do).toBe(expected);
  });
});

function createWorld(isCoordinator: () => boolean) {
  const clock = createVirtualClock();
  const memory = createMemoryEngine(createMemoryStore(), { clock });
  const { keyValue } = memory;
  const streams = new Map([
    ["a", 1],
    ["b", 1],
  ]);
  const calls: string[] = [];
  const said: string[] = [];
  const reports: HoldfastError[] = [];
  const processes = [{ role: "data" }, { role: "witness" }];
  const world = {
    records: nodes as readonly NodeRecord[],
    metaLeader: "holdfast-n1" as string | undefined,
    servers: three,
    failures: 0,
    /** Of writes to the bucket. */
    lostWrites: 0,
  };
  const update: KeyValue["update"] = async (...words) => {
    if (world.lostWrites === 0) return await keyValue.update(...words);
    world.lostWrites -= 1;
    throw new HoldfastError("engine_unavailable", "no leader");
  };
  const engine = {
    processes,
    askLeaders: () => void calls.push("ask leaders"),
    admin: {
      health: async () => ({
        metaLeader: world.metaLeader,
        servers: world.servers,
        streams: [...streams].map(([name, replicas]) => ({ name, replicas })),
      }),
      raiseReplicas: async (
        count: number,
        options: {
          onProgress: (progress: { stream: string; done: number; total: number }) => void;
        },
      ) => {
        calls.push("raise");
        for (const [name, replicas] of streams) {
          if (replicas === count) continue;
          if (world.failures > 0) {
            world.failures -= 1;
            throw new HoldfastError("engine_unavailable", "no leader");
          }
          streams.set(name, count);
          const done = [...streams.values()].filter((each) => each === count).length;
          options.onProgress({ stream: name, done, total: streams.size });
        }
      },
      balanceLeaders: async () => undefined,
      retireWitness: async () => {
        calls.push("retire witness");
        processes.pop();
      },
    },
  };
  const growth = new Growth({
    engine,
    keyValue: { get: (...words) => keyValue.get(...words), update },
    clock,
    records: () => world.records,
    isCoordinator,
    say: (text) => said.push(text),
    report: (error) => reports.push(error),
  });
  const operation = async () => {
    const found = await keyValue.get(clusterBucket, operationKey);
    return found && JSON.parse(new TextDecoder().decode(found.value));
  };
  return {
    clock,
    growth,
    world,
    calls,
    said,
    reports,
    streams,
    processes,
    ready: () => memory.provision({ logs: [], buckets: [clusterBucket] }),
    operation: () => clock.runUntil(operation()),
    put: (value: object) => keyValue.put(clusterBucket, operationKey, encodeJson(value)),
  };
}

let growth: Growth | undefined;

/** Three store nodes whose engine is there; nothing was looked at yet. */
async function openWorld(isCoordinator: () => boolean = () => true) {
  const made = createWorld(isCoordinator);
  await made.clock.runUntil(made.ready());
  ({ growth } = made);
  return made;
}

afterEach(async () => {
  await growth?.close();
});

test("a third store node brings three replicas, told in words, and then the witness leaves", async () => {
  const made = await openWorld();
  const { world, clock, calls } = made;
  world.records = nodes.slice(0, 2);
  made.growth.start();
  await clock.advance(10_000);
  expect(calls.every((call) => call === "ask leaders")).toBe(true);
  world.records = nodes;
  world.servers = [...three.slice(0, 2), peer("holdfast-n3", false)];
  await clock.advance(5_000);
  expect(await made.operation()).toMatchObject({ kind: "growth", phase: "waiting" });
  expect(calls).not.toContain("raise");
  world.servers = three;
  await clock.runUntil(() => made.processes.length === 1);
  await clock.advance(5_000);
  expect(calls.filter((call) => call !== "ask leaders")).toEqual(["raise", "retire witness"]);
  expect(await made.operation()).toMatchObject({ phase: "done", done: 2, total: 2 });
  expect(made.said).toEqual([
    expect.stringContaining("2 of 3 engines are up to date"),
    "Three engines are up to date: 2 of 2 streams get 3 replicas, so that one node may fail.",
    "The streams get 3 replicas: 1 of 2 have them.",
    "The streams get 3 replicas: 2 of 2 have them.",
    expect.stringContaining("witness is no longer needed"),
    "The witness left.",
    "All 2 streams have 3 replicas: one store node may fail.",
  ]);
  expect(made.reports).toEqual([]);
});

test("what waits for store nodes that were removed since is ended", async () => {
  const made = await openWorld();
  made.processes.pop();
  made.world.servers = three.slice(0, 1);
  made.growth.start();
  await made.clock.advance(5_000);
  expect(await made.operation()).toMatchObject({ phase: "waiting" });
  made.world.records = nodes.slice(0, 1);
  await made.clock.advance(5_000);
  expect(await made.operation()).toMatchObject({ kind: "growth", phase: "done" });
  made.world.records = nodes;
  made.world.servers = three;
  await made.clock.advance(10_000);
  expect(await made.operation()).toMatchObject({ phase: "done", done: 2, total: 2 });
});

test("a stream that elects is not taken for one with too few replicas", async () => {
  const made = await openWorld();
  made.processes.pop();
  made.streams.set("a", 0).set("b", 3);
  made.growth.start();
  await made.clock.advance(10_000);
  expect(made.calls).not.toContain("raise");
  expect(await made.operation()).toBeUndefined();
  expect(made.said).toEqual([]);
  await made.clock.advance(60_000);
  expect(made.said).toEqual(["The engine elects for long; no leader of a."]);
  made.streams.set("a", 1);
  await made.clock.advance(10_000);
  expect(made.calls).toContain("raise");
});

test("who does not coordinate raises nothing, but sends its own witness away afterwards", async () => {
  const made = await openWorld(() => false);
  made.growth.start();
  await made.clock.advance(10_000);
  expect(made.calls).not.toContain("raise");
  for (const name of made.streams.keys()) made.streams.set(name, 3);
  await made.clock.runUntil(() => made.processes.length === 1);
  expect(made.calls).toContain("retire witness");
});

test("what fails is continued at the next look, and trouble that stays is reported once", async () => {
  const made = await openWorld();
  made.world.failures = 5;
  made.growth.start();
  await made.clock.runUntil(() => made.processes.length === 1);
  expect(made.calls.filter((call) => call === "raise")).toHaveLength(6);
  expect(made.reports.map(({ code }) => code)).toEqual(["engine_unavailable"]);
});

test("a witness that must wait for an engine does not undo what was said of the replicas", async () => {
  const made = await openWorld();
  for (const name of made.streams.keys()) made.streams.set(name, 3);
  made.world.servers = [...three.slice(1), peer("holdfast-n1", false)];
  made.growth.start();
  await made.clock.advance(10_000);
  expect(made.processes).toHaveLength(2);
  expect(made.said).toEqual([]);
});

test("that the copying ended is said by the next coordinator when the last one could not", async () => {
  const made = await openWorld();
  made.processes.pop();
  for (const name of made.streams.keys()) made.streams.set(name, 3);
  const unfinished = { kind: "growth", phase: "copying", message: "2 of 2", startedAt: 1 };
  await made.clock.runUntil(made.put(unfinished));
  made.growth.start();
  await made.clock.advance(10_000);
  expect(await made.operation()).toMatchObject({ phase: "done", done: 2, total: 2 });
});

test("one node may fail only when the founder's witness has left, whoever coordinates", async () => {
  const made = await openWorld();
  made.processes.pop();
  made.world.servers = [...three, witness];
  made.growth.start();
  await made.clock.advance(10_000);
  expect([...made.streams.values()]).toEqual([3, 3]);
  expect(await made.operation()).toMatchObject({ phase: "copying", done: 2, total: 2 });
  made.world.servers = three;
  await made.clock.advance(5_000);
  expect(await made.operation()).toMatchObject({ phase: "done" });
});

test("that one node may fail is written until it stands there", async () => {
  const made = await openWorld();
  // All that is told while the streams are copied, and the end twice.
  made.world.lostWrites = 5;
  made.growth.start();
  await made.clock.advance(10_000);
  expect(made.world.lostWrites).toBe(0);
  expect(await made.operation()).toMatchObject({ phase: "done" });
});

test("servers that nobody told of are not taken for a group without a witness", async () => {
  const made = await openWorld();
  made.processes.pop();
  for (const name of made.streams.keys()) made.streams.set(name, 3);
  Object.assign(made.world, { metaLeader: undefined, servers: [] });
  made.growth.start();
  await made.clock.advance(10_000);
  expect(await made.operation()).toBeUndefined();
  Object.assign(made.world, { metaLeader: "holdfast-n1", servers: three });
  await made.clock.advance(5_000);
  expect(await made.operation()).toMatchObject({ phase: "done" });
});

test("a replacement that goes on is not written over", async () => {
  const made = await openWorld();
  const replacing = { kind: "replace", phase: "copying", node: "n9", startedAt: 1 };
  await made.clock.runUntil(made.put(replacing));
  made.growth.start();
  await made.clock.advance(10_000);
  expect([...made.streams.values()]).toEqual([3, 3]);
  expect(await made.operation()).toEqual(replacing);
});
