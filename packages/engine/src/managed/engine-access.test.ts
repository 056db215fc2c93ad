import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { toHoldfastError } from "@holdfast/core";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectEngine } from "../nats/connect-engine.ts";
import { type OpenOptions, openConnection } from "../nats/connection.ts";
import type { NatsEngine } from "../nats/nats-engine.ts";
import { inboxPrefixOf } from "./accounts.ts";
import { clientServers } from "./engine-plans.ts";
import type { ManagedEngine } from "./managed-engine.ts";
import { createTestAuthority } from "./testing/certificates.ts";
import { TestCluster, testClusterId } from "./testing/test-cluster.ts";

let cluster: TestCluster;
let store: ManagedEngine;
let compute: NatsEngine;
const connections: NatsConnection[] = [];

beforeAll(async () => {
  cluster = await TestCluster.create();
  await cluster.admit({ node: "c1", role: "compute" }, { node: "n2", role: "store" });
  store = await cluster.start("n1");
  const buckets = ["resources", "memory", "tokens", "assignments", "cluster", "authority"];
  await store.provision({ logs: ["l", "inbox-0"], buckets });
  compute = await cluster.connect("c1");
});

afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await compute.close();
  await cluster.close();
});

async function open(options: Partial<OpenOptions>): Promise<NatsConnection> {
  const servers = clientServers([store.address]);
  const { connection } = await openConnection({ servers, timeout: 2_000, ...options });
  connections.push(connection);
  return connection;
}

async function openAs(node: string): Promise<NatsConnection> {
  return open({ tls: await cluster.tls(`node/${node}`), inboxPrefix: inboxPrefixOf(node) });
}

interface How {
  readonly isForeign?: boolean;
  readonly isExpired?: boolean;
}

/** What a request without the right to make it ends with. */
function refusal(connection: NatsConnection, subject: string): Promise<unknown> {
  return connection.request(subject, "", { timeout: 1_000 }).catch(String);
}

function refusalToListen(connection: NatsConnection, subject: string): Promise<unknown> {
  const refused = Promise.withResolvers<unknown>();
  connection.subscribe(subject, { callback: (error) => refused.resolve(String(error)) });
  return refused.promise;
}

/** Everything that is said until the other side hangs up, or says that it is content. */
async function conversation(socket: Socket, words: string): Promise<string> {
  let heard = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    heard += text;
    if (/^(PONG|\+OK)/m.test(heard)) socket.end();
  });
  socket.on("error", ({ message }) => {
    heard += `[${message}]`;
  });
  socket.write(words);
  await new Promise((resolve) => socket.once("close", resolve));
  return heard;
}

const hello = `CONNECT ${JSON.stringify({ verbose: false, pedantic: false })}\r\nPING\r\n`;

/** A connection to the clients' port that goes over to TLS as clients do. */
async function clientTalk(options: ConnectionOptions): Promise<string> {
  const tcp = connectTcp(store.address.clientPort, store.address.host);
  await once(tcp, "data");
  const socket = connectTls({ socket: tcp, checkServerIdentity: () => undefined, ...options });
  return conversation(socket, hello);
}

function routeTalk(options: ConnectionOptions): Promise<string> {
  const { host, routePort } = store.address;
  const socket = connectTls({
    host,
    port: routePort,
    checkServerIdentity: () => undefined,
    ...options,
  });
  const route = { verbose: false, name: "rogue", cluster: "holdfast", headers: true };
  return conversation(socket, `CONNECT ${JSON.stringify(route)}\r\nPING\r\n`);
}

describe("a client", () => {
  test("with a node's certificate is let in", async () => {
    const { ca, cert, key } = await cluster.tls("node/c1");
    expect(await clientTalk({ ca, cert, key })).toContain("PONG");
  });

  test("without TLS is refused", async () => {
    const tcp = connectTcp(store.address.clientPort, store.address.host);
    expect(await conversation(tcp, hello)).not.toContain("PONG");
  });

  test("with TLS 1.2 is refused", async () => {
    const { ca, cert, key } = await cluster.tls("node/c1");
    const said = await clientTalk({ ca, cert, key, maxVersion: "TLSv1.2" });
    expect(said).toContain("alert protocol version");
  });

  test("without a certificate is refused", async () => {
    expect(await clientTalk({ ca: cluster.authority.pem })).toContain("alert certificate required");
  });

  test.each([
    ["of another authority", "node/c1", "unknown ca", { isForeign: true }],
    ["that expired", "node/c1", "certificate expired", { isExpired: true }],
    ["of a node that nobody admitted", "node/c9", "Authorization Violation", {}],
    ["of an engine", "engine", "Authorization Violation", {}],
    ["of an operator that is no store node", "operator/c1", "Authorization Violation", {}],
  ])("with a certificate %s is refused", async (_, path, reason, { isForeign, isExpired }: How) => {
    const issuer = isForeign ? await createTestAuthority(testClusterId) : cluster.authority;
    const { cert, key } = await issuer.issue(path, { isExpired: isExpired ?? false });
    expect(await clientTalk({ ca: cluster.authority.pem, cert, key })).toContain(reason);
  });

  test("does not take another node's certificate for a server's", async () => {
    const tls = await cluster.tls("node/c1");
    const serverIdentity = `spiffe://${testClusterId}/other`;
    await expect(open({ tls: { ...tls, serverIdentity } })).rejects.toMatchObject({
      code: "engine_unavailable",
    });
  });
});

describe("a route", () => {
  test("of an engine is let in", async () => {
    const { ca, cert, key } = await cluster.tls("engine");
    expect(await routeTalk({ ca, cert, key })).toContain("PONG");
  });

  test("with a node's certificate is refused", async () => {
    const { ca, cert, key } = await cluster.tls("node/n2");
    expect(await routeTalk({ ca, cert, key })).toContain("Authorization Violation");
  });

  test("with TLS 1.2, or without a certificate, is refused", async () => {
    const { ca, cert, key } = await cluster.tls("engine");
    expect(await routeTalk({ ca, cert, key, maxVersion: "TLSv1.2" })).not.toContain("PONG");
    expect(await routeTalk({ ca })).not.toContain("PONG");
  });

  test("without TLS is refused", async () => {
    const tcp = connectTcp(store.address.routePort, store.address.host);
    expect(await conversation(tcp, hello)).not.toContain("PONG");
  });
});

describe("a compute node", () => {
  test("does its work", async () => {
    await compute.provision({ logs: ["l"], buckets: ["memory", "cluster", "assignments"] });
    expect(await compute.messageLog.append("inbox-0", Uint8Array.of(1))).toBe(1);
    await compute.messageLog.append("inbox-0", Uint8Array.of(2));
    await compute.messageLog.truncate("inbox-0", 2);
    expect(await compute.messageLog.bounds("inbox-0")).toMatchObject({ first: 2, last: 2 });
    const revision = await compute.keyValue.put("memory", "k", Uint8Array.of(1));
    await compute.keyValue.update("memory", "k", Uint8Array.of(2), revision);
    const late = compute.keyValue.update("memory", "k", Uint8Array.of(3), revision);
    await expect(late).rejects.toMatchObject({ code: "revision_conflict" });
    await compute.keyValue.delete("memory", "k");
    expect(await compute.keyValue.get("memory", "k")).toBeUndefined();
    await compute.blobStore.put("b", new Uint8Array(1_000));
    expect((await compute.blobStore.get("b"))?.byteLength).toBe(1_000);
    await compute.blobStore.delete("b");
    await store.keyValue.put("assignments", "partition.0", Uint8Array.of(3));
    const seen = Promise.withResolvers<number>();
    const watch = await compute.keyValue.watch("assignments", "partition", ({ value }) =>
      seen.resolve(value?.[0] ?? -1),
    );
    expect(await seen.promise).toBe(3);
    await watch.close();
  });

  test.each(["resources", "tokens", "assignments", "cluster", "authority"])(
    "does not write %s",
    async (bucket) => {
      await expect(compute.keyValue.put(bucket, "k", Uint8Array.of(1))).rejects.toMatchObject({
        code: "engine_forbidden",
      });
    },
  );

  test("writes down that it has started, and for nobody else", async () => {
    const start = (node: string) =>
      compute.keyValue.update("cluster", `start.${node}`, Uint8Array.of(1), 0);
    expect(await start("c1")).toBeGreaterThan(0);
    for (const node of ["c2", "n1"]) {
      await expect(start(node)).rejects.toMatchObject({ code: "engine_forbidden" });
    }
  });

  test("does not read the authority's keys", async () => {
    await store.keyValue.put("authority", "key", Uint8Array.of(1));
    const read = compute.keyValue.get("authority", "key");
    expect(await read.catch((thrown) => toHoldfastError(thrown).code)).toBe("engine_forbidden");
    const list = compute.keyValue.watch("authority", "", () => undefined);
    expect(await list.catch((thrown) => toHoldfastError(thrown).code)).toBe("engine_forbidden");
  });

  test.each([
    "hf.bus.heartbeat.n1",
    "hf.bus.csr.n1",
    "hf.tail.log.l",
    "hf.settled",
    "_INBOX_n1.abc",
    "$JS.API.STREAM.CREATE.HF_LOG_x",
    "$JS.API.STREAM.UPDATE.HF_LOG_l",
    "$JS.API.STREAM.DELETE.HF_LOG_l",
    "$JS.API.STREAM.MSG.DELETE.HF_LOG_l",
    "$JS.API.STREAM.PEER.REMOVE.HF_LOG_l",
    "$JS.API.STREAM.PURGE.HF_KV_assignments",
    "$JS.API.STREAM.PURGE.HF_KV_resources",
    "$JS.API.STREAM.SNAPSHOT.HF_KV_authority",
    "$JS.API.STREAM.MSG.GET.HF_KV_authority",
    "$JS.API.DIRECT.GET.HF_KV_authority",
    "$JS.API.DIRECT.GET.HF_KV_authority.hf.kv.authority.key",
    "$JS.API.CONSUMER.CREATE.HF_KV_authority",
    "$SYS.REQ.SERVER.PING.JSZ",
  ])("may not publish to %s", async (subject) => {
    expect(await refusal(await openAs("c1"), subject)).toContain("Permissions Violation");
  });

  test.each([
    "_INBOX_n1.>",
    "_INBOX_*.>",
    ">",
    "hf.>",
    "hf.kv.authority.>",
    "hf.tail.kv.authority.>",
    "hf.bus.node.n1.>",
    "hf.bus.node.>",
    "hf.bus.csr.*",
  ])("may not listen to %s", async (subject) => {
    const said = await refusalToListen(await openAs("c1"), subject);
    expect(said).toContain("Permissions Violation");
  });

  test.each(["$JS.API.STREAM.PURGE.HF_KV_memory", "$JS.API.STREAM.PURGE.HF_LOG_l", "$JS.API.INFO"])(
    "gets nobody to do %s",
    async (subject) => {
      await store.messageLog.append("l", Uint8Array.of(1));
      const before = await store.messageLog.bounds("l");
      expect(await refusal(await openAs("c1"), subject)).toMatch(/no responders|Permissions/);
      expect(await store.messageLog.bounds("l")).toEqual(before);
    },
  );

  test("has no answer published where it may not publish itself", async () => {
    const connection = await openAs("c1");
    const request = { name: "HF_LOG_steal", sources: [{ name: "HF_KV_authority" }] };
    const memory = (key: string, text: string) =>
      connection.request(`hf.kv.memory.${key}`, text, { timeout: 1_000 });
    await memory("told", '\0{"node":"c1","epoch":99}');
    await memory("request", JSON.stringify({ ...request, storage: "file", num_replicas: 1 }));
    await memory("purge", "{}");
    await store.keyValue.put("assignments", "partition.1", Uint8Array.of(1));
    const state = async () => {
      const logs = await Promise.all(["l", "inbox-0"].map((log) => store.messageLog.bounds(log)));
      const entries: unknown[] = [];
      for (const bucket of ["resources", "tokens", "assignments", "cluster", "authority"]) {
        for await (const entry of store.keyValue.list(bucket, "")) entries.push(bucket, entry);
      }
      return { logs, entries };
    };
    const before = await state();
    const heard: string[] = [];
    const { bus } = store;
    for (const word of ["heartbeat.*", "csr.*"]) {
      bus.subscribe(word, (subject) => heard.push(subject));
    }
    const foreign = (await openAs("n2")).subscribe(`${inboxPrefixOf("n2")}.>`);
    await (await openAs("n1")).flush();
    const answerTo = (reply: string, key: string) => {
      const question = JSON.stringify({ last_by_subj: `hf.kv.memory.${key}` });
      connection.publish("$JS.API.DIRECT.GET.HF_KV_memory", question, { reply });
      connection.publish("$JS.API.STREAM.MSG.GET.HF_KV_memory", question, { reply });
      connection.publish("$JS.API.STREAM.INFO.HF_KV_memory", "", { reply });
      connection.publish("hf.kv.memory.other", "\0", { reply });
    };
    for (const reply of [
      "hf.kv.assignments.partition.1",
      "hf.kv.authority.join.x",
      "hf.kv.cluster.node.n1",
      "hf.kv.tokens.x",
      "hf.kv.resources.x",
      "hf.bus.heartbeat.n1",
      "hf.bus.csr.n1",
      `${inboxPrefixOf("n2")}.x`,
      "$JS.API.STREAM.DELETE.HF_LOG_l",
    ]) {
      answerTo(reply, "told");
    }
    answerTo("$JS.API.STREAM.CREATE.HF_LOG_steal", "request");
    answerTo("$JS.API.STREAM.PURGE.HF_LOG_l", "purge");
    answerTo("$JS.API.STREAM.PURGE.HF_KV_assignments", "purge");
    // What is asked afterwards is answered afterwards, also by those who got an answer as their question.
    for (let turn = 0; turn < 3; turn += 1)
      await store.messageLog.append("inbox-0", Uint8Array.of(1));
    const bound = (await store.messageLog.bounds("inbox-0")).last;
    await compute.messageLog.append("inbox-0", Uint8Array.of(1), { expectedLast: bound });
    const after = await state();
    expect(after.entries).toEqual(before.entries);
    expect(after.logs[0]).toEqual(before.logs[0]);
    const steal = await (await openAs("n1")).request("$JS.API.STREAM.INFO.HF_LOG_steal");
    expect(steal.json()).toMatchObject({ error: { err_code: 10_059 } });
    expect(heard.filter((subject) => subject.endsWith(".n1"))).toEqual([]);
    expect(foreign.getReceived()).toBe(0);
  });

  test("that was admitted a moment ago speaks with all others", async () => {
    const heard: string[] = [];
    const listen = (name: string, { bus }: Pick<NatsEngine, "bus">) => {
      for (const word of ["heartbeat.*", "partition.*.*", `node.${name}.*`]) {
        bus.subscribe(word, (subject) => heard.push(`${name} ${subject}`));
      }
    };
    listen("c1", compute);
    listen("n1", store);
    await cluster.admit({ node: "c3", role: "compute" });
    const late = await cluster.connect("c3");
    listen("c3", late);
    const nodes = { c1: compute, c3: late, n1: store };
    // Whoever listens is known to the server before anything is said.
    await late.messageLog.append("inbox-0", Uint8Array.of(1));
    await compute.messageLog.append("inbox-0", Uint8Array.of(1));
    await store.messageLog.append("inbox-0", Uint8Array.of(1));
    const names = Object.keys(nodes);
    const expected: string[] = [];
    for (const [name, { bus }] of Object.entries(nodes)) {
      for (const subject of [`heartbeat.${name}`, `partition.0.${name}`]) {
        bus.publish(subject, Uint8Array.of(1));
        expected.push(...names.map((ear) => `${ear} ${subject}`));
      }
      for (const other of names) {
        bus.publish(`node.${other}.${name}`, Uint8Array.of(1));
        expected.push(`${other} node.${other}.${name}`);
      }
    }
    await expect.poll(() => heard.toSorted()).toEqual(expected.toSorted());
    await cluster.dismiss("c3");
    await late.close();
  });

  test("hears of the authority's keys under no wider subject", async () => {
    const connection = await openAs("c1");
    const heard: string[] = [];
    const last = Promise.withResolvers<void>();
    connection.subscribe("hf.tail.>", {
      callback: (_, { subject }) => {
        heard.push(subject);
        if (subject.startsWith("hf.tail.kv.cluster")) last.resolve();
      },
    });
    await connection.flush();
    await store.keyValue.put("authority", "key", Uint8Array.of(1));
    await store.keyValue.put("cluster", "k", Uint8Array.of(1));
    await last.promise;
    expect(heard.filter((subject) => subject.includes("authority"))).toEqual([]);
  });
});

test("a store node does not speak for another one, nor hear what is for it alone", async () => {
  const connection = await openAs("n1");
  for (const subject of ["hf.bus.heartbeat.n2", "hf.bus.csr.c1", "_INBOX_n2.abc"]) {
    expect(await refusal(connection, subject)).toContain("Permissions Violation");
  }
  for (const subject of ["_INBOX_n2.>", "hf.bus.node.n2.>"]) {
    expect(await refusalToListen(connection, subject)).toContain("Permissions Violation");
  }
});

test("a node that is dismissed is cut off at once, and nobody else", async () => {
  await cluster.admit({ node: "c2", role: "compute" });
  const dismissed = await cluster.connect("c2");
  const other = await openAs("c1");
  const lost: string[] = [];
  void (async () => {
    for await (const { type } of other.status()) if (type === "disconnect") lost.push(type);
  })();
  await cluster.dismiss("c2");
  await expect.poll(() => dismissed.isConnected()).toBe(false);
  await expect(dismissed.messageLog.append("l", Uint8Array.of(1))).rejects.toMatchObject({
    code: "engine_unavailable",
  });
  await other.flush();
  expect(lost).toEqual([]);
  await dismissed.close();
});

describe("an engine that somebody else runs", () => {
  const connectTo = async (host: string) => {
    const { ca, cert, key } = await cluster.tls("node/c1");
    return connectEngine({
      servers: [`${host}:${store.address.clientPort}`],
      tls: { ca, cert, key },
      inboxPrefix: inboxPrefixOf("c1"),
      isReplicated: false,
      replicas: 1,
    });
  };

  test("is known by the name or address that its certificate has", async () => {
    const engine = await connectTo("127.0.0.1");
    expect(await engine.messageLog.append("l", Uint8Array.of(1))).toBeGreaterThan(0);
    await engine.close();
  });

  test("under another name is not believed", async () => {
    await expect(connectTo("localhost")).rejects.toMatchObject({ code: "engine_unavailable" });
  });
});
