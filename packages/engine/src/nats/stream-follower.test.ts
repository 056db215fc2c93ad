import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { inboxPrefixOf } from "../managed/accounts.ts";
import { clientServers } from "../managed/engine-plans.ts";
import type { ManagedEngine } from "../managed/managed-engine.ts";
import { TestCluster } from "../managed/testing/test-cluster.ts";
import { openConnection } from "./connection.ts";
import { NatsClient, type StoredRecord } from "./nats-client.ts";
import { unavailable } from "./nats-errors.ts";
import { StreamFollower } from "./stream-follower.ts";
import { logStream, logSubject, logTail } from "./streams.ts";

let cluster: TestCluster;
let managed: ManagedEngine;
let client: NatsClient;
let log = "";
let logs = 0;
const followers: StreamFollower[] = [];

beforeAll(async () => {
  cluster = await TestCluster.create();
  managed = await cluster.start("n1");
});

afterAll(() => cluster.close());

beforeEach(async () => {
  logs += 1;
  log = `followed-${logs}`;
  await managed.provision({ logs: [log], buckets: [] });
  const inboxPrefix = inboxPrefixOf("n1");
  const { connection } = await openConnection({
    servers: clientServers([managed.address]),
    tls: await cluster.tls("node/n1"),
    inboxPrefix,
  });
  client = new NatsClient(connection, { inboxPrefix });
});

afterEach(async () => {
  for (const follower of followers.splice(0)) await follower.close();
  await client.close();
});

function follow(handle: (record: StoredRecord) => void, tail = logTail(log)): StreamFollower {
  const stream = logStream(log);
  const options = { stream, filter: logSubject(log), tail, from: 1, handle };
  const follower = new StreamFollower(client, options);
  followers.push(follower);
  return follower;
}

async function append(count: number): Promise<void> {
  const appends = Array.from({ length: count }, (_, number) =>
    managed.messageLog.append(log, Uint8Array.of(number)),
  );
  await Promise.all(appends);
}

test("a steady stream of appends loses nothing while the follower reads what it missed", async () => {
  const sequences: number[] = [];
  const follower = follow(({ sequence }) => sequences.push(sequence));
  const read = client.directBatch.bind(client);
  // Each read finds that more was stored since the replica looked.
  client.directBatch = async (...request) => {
    const batch = await read(...request);
    if (sequences.length < 400) await append(20);
    return batch;
  };
  await append(1);
  await follower.reached(400);
  expect(sequences.slice(0, 400)).toEqual(Array.from({ length: 400 }, (_, number) => number + 1));
});

test("a replica that lags for long makes nothing be left out", async () => {
  await append(3);
  client.directBatch = async () => ({ records: [], more: false });
  const sequences: number[] = [];
  const follower = follow(({ sequence }) => sequences.push(sequence), "nothing.is.republished");
  await follower.reached(3);
  expect(sequences).toEqual([1, 2, 3]);
});

test("what was truncated is not waited for", async () => {
  await append(4);
  await managed.messageLog.truncate(log, 4);
  const sequences: number[] = [];
  await follow(({ sequence }) => sequences.push(sequence)).reached(4);
  expect(sequences).toEqual([4]);
});

test("nothing is handed over once it is closed, also in the middle of a batch", async () => {
  await append(10);
  const sequences: number[] = [];
  const closed = Promise.withResolvers<void>();
  const follower = follow(({ sequence }) => {
    sequences.push(sequence);
    if (sequence === 3) closed.resolve(follower.close());
  });
  await closed.promise;
  expect(sequences).toEqual([1, 2, 3]);
});

test("an engine that is away keeps nothing else from running", async () => {
  await append(1);
  const read = client.directBatch.bind(client);
  client.directBatch = () => {
    throw unavailable("away");
  };
  const follower = follow(() => undefined);
  const reached = follower.reached(1);
  // Reached only when a timer gets to run.
  await new Promise((resolve) => setTimeout(resolve, 1));
  client.directBatch = read;
  await expect(reached).resolves.toBeUndefined();
});

test("reads outlast a reconnection, as when a node goes back to its own server", async () => {
  await append(600);
  const { connection } = client;
  const stream = logStream(log);
  for (let round = 0; round < 5; round += 1) {
    const reads = [
      client.directBatch(stream, 1, logSubject(log)),
      client.directBatch(stream, 590, "hf.>"),
    ];
    const bounds = client.bounds(stream);
    await connection.reconnect();
    const [first, rest] = await Promise.all(reads);
    expect(first?.records.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 512 }, (_, place) => place + 1),
    );
    expect(rest?.records).toHaveLength(11);
    expect((await bounds).last).toBe(600);
  }
});

test("a read that begins without a connection, or loses it for good, fails", async () => {
  await append(1);
  const begin = performance.now();
  const read = expect(client.directBatch(logStream(log), 1, logSubject(log))).rejects.toMatchObject(
    { code: "engine_unavailable" },
  );
  await client.close();
  await read;
  // It did not wait for an answer that cannot come.
  expect(performance.now() - begin).toBeLessThan(1_000);
  const late = client.directBatch(logStream(log), 1, logSubject(log));
  await expect(late).rejects.toMatchObject({ code: "engine_unavailable" });
});

test("waiting for a sequence ends with an error when the view is closed", async () => {
  const follower = follow(() => undefined);
  const reached = expect(follower.reached(1)).rejects.toMatchObject({ code: "engine_unavailable" });
  await client.close();
  await reached;
});
