import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type ConnectionOptions, connect, createServer, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EngineCredentials, engineKeyOf } from "./credentials.ts";
import type { ManagedEngine } from "./managed-engine.ts";
import { TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;
let n1: ManagedEngine;
let n2: EngineCredentials;

const secret = "SECRET-KEY";
const serverId = `N${"B".repeat(55)}`;

beforeEach(async () => {
  cluster = await TestCluster.create();
  n2 = await cluster.authority.credentials("n2");
  const credentials = await cluster.authority.credentials("n1");
  await admit("n1", credentials);
  await admit("n2", n2);
  n1 = await cluster.start("n1", { credentials });
  await n1.provision({ logs: [], buckets: ["authority"] });
});

afterEach(() => cluster.close());

function admit(node: string, { engine }: EngineCredentials): Promise<void> {
  return cluster.admit({ node, role: "store", engineKey: engineKeyOf(engine.cert) });
}

/** Also after an error. */
function closing(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

function info(): string {
  const facts = { server_id: serverId, server_name: "holdfast-n2", version: "2.14.0", proto: 1 };
  const more = { host: "127.0.0.1", port: 1, headers: true, max_payload: 1_048_576 };
  return `INFO ${JSON.stringify({ ...facts, ...more, cluster: "holdfast", jetstream: true, lnoc: true })}\r\n`;
}

interface Route {
  heard: string;
  readonly closed: Promise<unknown>;
}

/** A route as a server of a node opens it, asking for everything. */
async function dial(options: ConnectionOptions): Promise<Route> {
  const { host, routePort } = n1.address;
  const socket = connect({
    host,
    port: routePort,
    checkServerIdentity: () => undefined,
    ...options,
  });
  const route: Route = { heard: "", closed: closing(socket) };
  socket.setEncoding("utf8").on("error", () => undefined);
  socket.on("data", (text: string) => {
    route.heard += text;
    if (text.includes("PING\r\n")) socket.write("PONG\r\n");
  });
  const hello = { tls_required: true, name: serverId, cluster: "holdfast", headers: true };
  socket.write(`CONNECT ${JSON.stringify({ verbose: false, ...hello, lnoc: true })}\r\n${info()}`);
  socket.write("RS+ HOLDFAST >\r\n");
  return route;
}

async function write(): Promise<void> {
  await n1.keyValue.put("authority", "key", new TextEncoder().encode(secret));
}

test("a store node's server hears over its route until the node is dismissed", async () => {
  const { ca, engine } = n2;
  const route = await dial({ ca, ...engine });
  await expect
    .poll(async () => {
      await write();
      return route.heard;
    })
    .toContain(secret);
  await cluster.dismiss("n2");
  await route.closed;
  const again = await dial({ ca, ...engine });
  await again.closed;
  await write();
  expect(again.heard).not.toContain(secret);
});

test("an engine's certificate for another key opens no route", async () => {
  const { ca } = n2;
  const route = await dial({ ca, ...(await cluster.authority.issue("engine")) });
  await route.closed;
  expect(route.heard).not.toContain("PING");
});

test("a node's certificate at the address of a route is told nothing", async () => {
  const { cert, key } = await cluster.authority.issue("node/c1");
  const ends: Promise<unknown>[] = [];
  let heard = "";
  const server = createServer({ ca: n2.ca, cert, key, requestCert: true }, (socket) => {
    ends.push(closing(socket));
    socket.on("error", () => undefined);
    socket.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
    });
    socket.write(info());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await n1.update({ others: [{ host: "127.0.0.1", clientPort: port, routePort: port }] });
  await expect.poll(() => ends.length, { timeout: 10_000 }).toBeGreaterThan(0);
  await ends[0];
  expect(heard).not.toContain("CONNECT");
  server.close();
});

test("members whose keys are known grow into one cluster", async () => {
  const n3 = await cluster.authority.credentials("n3");
  await admit("n3", n3);
  await cluster.start("n2", { credentials: n2 });
  const third = await cluster.start("n3", { credentials: n3 });
  for (const node of ["n1", "n2", "n3"]) {
    const file = readFileSync(join(cluster.home(node), "data.conf"), "utf8");
    expect(JSON.parse(file)).toMatchObject({
      cluster: { tls: { pinned_certs: expect.toSatisfy((pins: string[]) => pins.length === 3) } },
    });
  }
  await write();
  expect(await third.keyValue.get("authority", "key")).toBeDefined();
});
