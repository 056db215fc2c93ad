import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTestAuthority } from "./testing/certificates.ts";
import { Load } from "./testing/load.ts";
import { TestCluster, testClusterId } from "./testing/test-cluster.ts";

/** One cluster goes through its life, in the order of the tests, always under load. */
const logs = ["a", "b", "c", "d"];
const buckets = ["resources"];
/** An append that is in flight while its log changes from one replica to three waits its time out. */
const appendTimeoutMs = 2_000;
/** An election of the engine takes 4 to 9 s: nats-server's own timers. */
const electionMs = 12_000;
const polling = { timeout: 30_000, interval: 50 };
let cluster: TestCluster;

// Elections take their time.
vi.setConfig({ testTimeout: 90_000 });

beforeAll(async () => {
  cluster = await TestCluster.create();
});

afterAll(() => cluster.close());

function health() {
  return cluster.engine("n1").admin.health();
}

async function serverNames(): Promise<string[]> {
  return (await health()).servers.filter(({ isCurrent }) => isCurrent).map(({ name }) => name);
}

/** Runs something under load; nothing that was acknowledged may be missing, in no server's eyes. */
async function underLoad(what: string, run: () => Promise<void>): Promise<number> {
  const load = await Load.start(cluster.engine("n1"), logs);
  await load.progress();
  load.takeGap();
  await run();
  await load.progress();
  const gapMs = load.takeGap();
  await load.stop();
  for (const engine of cluster.engines.values()) expect(await load.missing(engine)).toEqual([]);
  console.info(`${what}: longest gap ${gapMs.toFixed(0)} ms, ${JSON.stringify(load.failures)}`);
  return gapMs;
}

test("two store nodes that start at once join the first one, and its data stays", async () => {
  const first = await cluster.start("n1");
  await first.provision({ logs, buckets });
  await cluster.admit({ node: "n2", role: "store" }, { node: "n3", role: "store" });
  const gapMs = await underLoad("two servers join", async () => {
    first.askLeaders();
    await Promise.all([cluster.start("n2"), cluster.start("n3")]);
  });
  expect(gapMs).toBeLessThan(1_000);
  expect(await serverNames()).toEqual([
    "holdfast-n1",
    "holdfast-n1-witness",
    "holdfast-n2",
    "holdfast-n3",
  ]);
  expect((await health()).streams).toHaveLength(logs.length + buckets.length + 2);
});

test("the streams get three replicas, and the witness leaves", async () => {
  const { admin } = cluster.engine("n1");
  const gapMs = await underLoad("replicas are raised", () => admin.raiseReplicas(3));
  expect(gapMs).toBeLessThan(appendTimeoutMs + 1_000);
  const leavingMs = await underLoad("the witness leaves", () => admin.retireWitness());
  expect(leavingMs).toBeLessThan(1_000);
  expect(await serverNames()).toEqual(["holdfast-n1", "holdfast-n2", "holdfast-n3"]);
  for (const { name, replicas, peers } of (await health()).streams) {
    expect(replicas, name).toBe(3);
    expect(peers.map((peer) => peer.name)).toEqual(["holdfast-n1", "holdfast-n2", "holdfast-n3"]);
  }
  expect(cluster.engine("n1").processes.map(({ role }) => role)).toEqual(["data"]);
  // Again: nothing is left to do.
  await admin.raiseReplicas(3);
  await admin.retireWitness();
});

test("every server gets its share of leaders", async () => {
  const { admin } = cluster.engine("n1");
  const gapMs = await underLoad("leaders move", () => admin.balanceLeaders());
  expect(gapMs).toBeLessThan(appendTimeoutMs + 1_000);
  const leaders = (await health()).streams.map(({ leader }) => leader);
  for (const server of ["holdfast-n1", "holdfast-n2", "holdfast-n3"]) {
    expect(leaders.filter((leader) => leader === server).length, server).toBeGreaterThan(1);
  }
});

test("a stream that is made now has three replicas from the beginning", async () => {
  await cluster.engine("n2").provision({ logs, buckets: [...buckets, "tokens"] });
  const made = (await health()).streams.find(({ name }) => name === "HF_KV_tokens");
  expect(made).toMatchObject({ replicas: 3 });
});

test("users, certificates and the authority change, and nobody notices", async () => {
  const old = cluster.authority;
  const next = await createTestAuthority(testClusterId);
  const both = `${old.pem}\n${next.pem}`;
  const compute = await cluster.connect("n3");
  const heard: number[] = [];
  const follower = await compute.messageLog.follow("a", 1, ({ sequence }) => heard.push(sequence));
  const give = (issuer: typeof old, ca: string) =>
    Promise.all(
      [...cluster.engines].map(async ([node, engine]) =>
        engine.update({ credentials: await issuer.credentials(node, ca) }),
      ),
    );
  const gapMs = await underLoad("users and certificates change", async () => {
    for (const node of ["c1", "c2", "c3"]) await cluster.admit({ node, role: "compute" });
    await give(old, both);
    await give(next, both);
    await give(next, next.pem);
  });
  expect(gapMs).toBeLessThan(1_000);
  await expect.poll(() => heard.length, polling).toBeGreaterThan(0);
  expect(heard).toEqual(heard.map((_, place) => place + 1));
  await follower.close();
  await compute.close();
  await expect(cluster.connect("c1")).rejects.toMatchObject({ code: "engine_unavailable" });
  cluster.authority = next;
  await (await cluster.connect("c1")).close();
});

test("a server that is killed is replaced by an election, and comes back", async () => {
  const gapMs = await underLoad("a server is killed", async () => {
    const pid = () => cluster.engine("n1").processes[0]?.pid ?? 0;
    const killed = pid();
    process.kill(killed, "SIGKILL");
    await expect.poll(() => pid() !== killed && pid() > 0, polling).toBe(true);
    // With the certificates that were put in since it connected first.
    await expect.poll(() => cluster.engine("n1").isConnected(), polling).toBe(true);
    const { address, connectedTo } = cluster.engine("n1");
    await expect.poll(connectedTo, polling).toBe(`${address.host}:${address.clientPort}`);
  });
  expect(gapMs).toBeLessThan(electionMs);
  const three = ["holdfast-n1", "holdfast-n2", "holdfast-n3"];
  await expect.poll(() => serverNames().catch(String), polling).toEqual(three);
});

test("a server that is lost is replaced by a new one, stream after stream", async () => {
  const { admin } = cluster.engine("n1");
  await expect(admin.replaceStore("holdfast-n3")).rejects.toMatchObject({
    code: "store_quorum_at_risk",
  });
  const done: string[] = [];
  const gapMs = await underLoad("a server is replaced", async () => {
    await cluster.stop("n3");
    await cluster.forget("n3");
    await expect(admin.replaceStore("holdfast-n3")).rejects.toMatchObject({
      code: "store_quorum_at_risk",
      message: expect.stringContaining("add a store node first"),
    });
    await cluster.start("n4");
    await admin.replaceStore("holdfast-n3", { onProgress: ({ stream }) => done.push(stream) });
  });
  expect(gapMs).toBeLessThan(electionMs);
  const { streams } = await health();
  expect(done).toEqual(streams.map(({ name }) => name));
  expect(await serverNames()).toEqual(["holdfast-n1", "holdfast-n2", "holdfast-n4"]);
  for (const { name, peers } of streams) {
    expect(
      peers.map((peer) => peer.name),
      name,
    ).toEqual(["holdfast-n1", "holdfast-n2", "holdfast-n4"]);
  }
});

test("all servers are killed, and everything is there when they are back", async () => {
  const nodes = [...cluster.engines.keys()];
  const load = await Load.start(cluster.engine("n1"), logs);
  await load.progress();
  for (const { processes } of cluster.engines.values()) {
    process.kill(processes[0]?.pid ?? 0, "SIGKILL");
  }
  await expect.poll(() => cluster.engine("n1").isConnected(), polling).toBe(false);
  await load.progress();
  console.info(`all servers are killed: longest gap ${load.takeGap().toFixed(0)} ms`);
  await load.stop();
  for (const node of nodes) await cluster.stop(node);
  await Promise.all(nodes.map((node) => cluster.start(node)));
  const reader = cluster.engine("n2");
  await expect.poll(() => load.missing(reader).catch(String), polling).toEqual([]);
  // The founder's witness stays retired.
  expect(cluster.engine("n1").processes).toHaveLength(1);
});
