import {
  blobStoreConformance,
  busConformance,
  engineConformance,
  keyValueConformance,
  messageLogConformance,
} from "@holdfast/testkit/conformance";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster } from "../managed/testing/test-cluster.ts";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.create();
  await cluster.admit({ node: "other", role: "store" });
  await cluster.start("n1");
});

afterAll(() => cluster.close());

/** Another node's view: a connection of its own. */
const view = () => cluster.connect("other");

messageLogConformance("NATS JetStream", view, { propertyRuns: 5 });
keyValueConformance("NATS JetStream", view, { propertyRuns: 5 });
blobStoreConformance("NATS JetStream", view);
busConformance("NATS JetStream", view);
engineConformance("NATS JetStream", view);

test("a bus message over the payload limit is dropped, and the next one arrives", async () => {
  const engine = await view();
  const arrived = new Promise<number>((resolve) => {
    engine.bus.subscribe("sizes", (_, data) => resolve(data.byteLength));
  });
  engine.bus.publish("sizes", new Uint8Array(2_000_000));
  engine.bus.publish("sizes", new Uint8Array(7));
  expect(await arrived).toBe(7);
  await engine.close();
});
