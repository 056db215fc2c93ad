import {
  blobStoreConformance,
  keyValueConformance,
  messageLogConformance,
} from "@holdfast/testkit/conformance";
import { afterAll, beforeAll } from "vitest";
import { TestCluster } from "../managed/testing/test-cluster.ts";

let cluster: TestCluster;

/** A view that is connected to a server of its own each time: what it reads may stand on a follower. */
let views = 0;

beforeAll(async () => {
  cluster = await TestCluster.create();
  await cluster.admit({ node: "n2", role: "store" }, { node: "n3", role: "store" });
  const first = await cluster.start("n1");
  await first.provision({ logs: [], buckets: [] });
  await Promise.all([cluster.start("n2"), cluster.start("n3")]);
  await first.admin.raiseReplicas(3);
});

afterAll(() => cluster.close());

function view() {
  views += 1;
  return cluster.connect(`n${(views % 3) + 1}`);
}

messageLogConformance("three replicas", view, { propertyRuns: 2 });
keyValueConformance("three replicas", view, { propertyRuns: 2 });
blobStoreConformance("three replicas", view);
