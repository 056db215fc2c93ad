import { headers } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { inboxPrefixOf } from "../managed/accounts.ts";
import { clientServers } from "../managed/engine-plans.ts";
import type { ManagedEngine } from "../managed/managed-engine.ts";
import { TestCluster } from "../managed/testing/test-cluster.ts";
import { openConnection } from "./connection.ts";
import { NatsClient } from "./nats-client.ts";
import { NatsKeyValue } from "./nats-key-value.ts";
import { bucketStream, bucketSubject } from "./streams.ts";

let cluster: TestCluster;
let managed: ManagedEngine;
let client: NatsClient | undefined;

beforeAll(async () => {
  cluster = await TestCluster.create();
  managed = await cluster.start("n1");
});

afterEach(() => client?.close());

afterAll(() => cluster.close());

test("a bucket whose last record was a deletion, gone by now, is listed at once", async () => {
  await managed.provision({ logs: [], buckets: ["shrunk"] });
  const inboxPrefix = inboxPrefixOf("n1");
  const { connection } = await openConnection({
    servers: clientServers([managed.address]),
    tls: await cluster.tls("node/n1"),
    inboxPrefix,
  });
  client = new NatsClient(connection, { inboxPrefix, asksLeaders: true });
  const keyValue = new NatsKeyValue(client);
  await keyValue.put("shrunk", "kept", Uint8Array.of(1));
  const soon = headers();
  soon.set("Nats-TTL", "1s");
  const deletion = Uint8Array.of(1);
  const at = await client.store(bucketSubject("shrunk", "dropped"), deletion, soon);
  const everything = bucketSubject("shrunk", ">");
  const isGone = async () =>
    (await client?.leaderNext(bucketStream("shrunk"), at, everything)) === undefined;
  await expect.poll(isGone, { timeout: 10_000 }).toBe(true);
  expect((await client.bounds(bucketStream("shrunk"))).last).toBe(at);

  const begin = performance.now();
  const found: string[] = [];
  for await (const { key } of keyValue.list("shrunk", "")) found.push(key);
  expect(found).toEqual(["kept"]);
  expect(performance.now() - begin).toBeLessThan(2_000);
});
