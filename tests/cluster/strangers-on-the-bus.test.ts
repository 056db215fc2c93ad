import { encodeJson } from "@holdfast/core";
import { createMemoryEngine } from "@holdfast/engine";
import { expect, test } from "vitest";
import { encodeEntry } from "../../packages/core/src/path/records.ts";
import { answerTo, message } from "../path/path-fixture.ts";
import { type ClusterNode, createClusterWorld, shares } from "./cluster-fixture.ts";

const garbage = [
  Uint8Array.of(0xc0),
  Uint8Array.of(),
  encodeEntry(17),
  encodeEntry({}),
  encodeEntry({ node: "n1", load: 7, about: null }),
  encodeJson({ partition: -1, epoch: "x" }),
];

test("whatever comes over the bus is dropped or used, and ends no node", async () => {
  const world = createClusterWorld();
  const nodes = (await world.startAll("n1", "n2")) as [ClusterNode, ClusterNode];
  const { bus } = createMemoryEngine(world.store, { clock: world.clock });
  const words = ["asked", "told", "events", "watch", "watched", "handed", "reminded"];
  const subjects = [
    "heartbeat.n1",
    "heartbeat.stranger",
    "partition.0.opened",
    "partition.0.released",
    ...words.map((word) => `node.n1.${word}`),
  ];
  for (const subject of subjects) for (const data of garbage) bus.publish(subject, data);
  await world.after(5_000);
  expect(shares(nodes)).toEqual([4, 4]);
  const events = await world.run(
    answerTo(nodes[1].path, message("still there", { agent: world.agents[0] as never })),
  );
  expect(events.at(-1)).toMatchObject({ type: "committed" });
});

test("a node cannot speak for another: its heartbeat counts for itself alone", async () => {
  const world = createClusterWorld();
  const nodes = (await world.startAll("n1", "n2")) as [ClusterNode, ClusterNode];
  const load = nodes[0].path.heartbeats.load("n2" as never);
  const forged = {
    node: "n2",
    sentAt: 0,
    leaving: false,
    left: true,
    load,
    about: { url: "https://evil.example.org", version: "9" },
  };
  const { bus } = createMemoryEngine(world.store, { clock: world.clock });
  bus.publish("heartbeat.n1", encodeEntry(forged));
  await world.after(300);
  const [, n2] = nodes[0].path.admin.nodes();
  expect(n2).toMatchObject({ node: "n2", presence: "alive", url: "http://n2.test" });
  expect(shares(nodes)).toEqual([4, 4]);
});
