import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ManagedEngine } from "./managed-engine.ts";
import { TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;
let home = "";

beforeEach(async () => {
  cluster = await TestCluster.create();
  home = cluster.home("n1");
});

afterEach(() => cluster.close());

const start = () => cluster.start("n1");

/** A process that is no part of the cluster and listens at a port. */
async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await listenWhenFree(server, port);
  return server;
}

function processOf(engine: ManagedEngine, role: string): number {
  const found = engine.processes.find((each) => each.role === role);
  expect(found, `a ${role} process runs`).toBeDefined();
  return found?.pid ?? 0;
}

const polling = { timeout: 15_000, interval: 20 };

/** Listens as soon as the process that was ended has left the port. */
async function listenWhenFree(server: Server, port: number): Promise<void> {
  for (;;) {
    const listening = once(server, "listening").then(
      () => true,
      () => false,
    );
    server.listen(port, "127.0.0.1");
    if (await listening) return;
  }
}

/** The process group of a running process. */
function groupOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[2]);
}

/** Appends as soon as the engine takes it. */
async function appendPatiently(engine: ManagedEngine, log: string): Promise<number> {
  for (;;) {
    try {
      return await engine.messageLog.append(log, Uint8Array.of(1));
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError) || thrown.retry === "never") throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

test("a process that is killed is started again, and what was acknowledged is there", async () => {
  const engine = await start();
  await engine.provision({ logs: ["l"], buckets: [] });
  await engine.messageLog.append("l", Uint8Array.of(7));
  const before = processOf(engine, "data");
  process.kill(before, "SIGKILL");
  await appendPatiently(engine, "l");
  expect(processOf(engine, "data")).not.toBe(before);
  expect(cluster.reports.map(({ message }) => message)).toEqual([
    "The engine's data process was ended by SIGKILL; it is started again.",
  ]);
  const values: number[] = [];
  for await (const { data } of engine.messageLog.read("l", 1)) values.push(data[0] ?? -1);
  expect(values[0]).toBe(7);
  await engine.close();
});

test("a port that another process took meanwhile is named until it is free again", async () => {
  const engine = await start();
  await engine.provision({ logs: ["l"], buckets: [] });
  const data = engine.processes.find(({ role }) => role === "data");
  process.kill(data?.pid ?? 0, "SIGKILL");
  const other = await occupy(data?.port ?? 0);
  await expect
    .poll(() => cluster.reports.find(({ code }) => code === "port_taken"), polling)
    .toBeDefined();
  const said = cluster.reports.find(({ code }) => code === "port_taken")?.message;
  expect(said).toContain(
    `data process did not start: another process listens on its port ${data?.port}.`,
  );
  expect(said).toContain("restart the node");
  await new Promise((resolve) => other.close(resolve));
  await appendPatiently(engine, "l");
  await engine.close();
});

test("a node whose processes were all killed is ready again before a metadata leader is elected", async () => {
  const plan = { logs: ["l"], buckets: ["resources"] };
  const before = await start();
  await before.provision(plan);
  await before.keyValue.put("resources", "k", Uint8Array.of(7));
  for (const { pid } of before.processes) process.kill(pid, "SIGKILL");
  await cluster.stop("n1");
  const from = performance.now();
  const engine = await start();
  await engine.provision(plan);
  await engine.messageLog.append("l", Uint8Array.of(1));
  expect((await engine.keyValue.get("resources", "k"))?.value).toEqual(Uint8Array.of(7));
  expect(performance.now() - from, "an election takes 4 s and more").toBeLessThan(3_000);
  expect(engine.address).toEqual(before.address);
});

test("a port that somebody took while a single node was down is given up", async () => {
  const before = await start();
  await cluster.stop("n1");
  const other = await occupy(before.address.clientPort);
  const engine = await start();
  expect(engine.address.clientPort).not.toBe(before.address.clientPort);
  await new Promise((resolve) => other.close(resolve));
});

test("a port that other nodes know is not given up", async () => {
  const before = await start();
  before.askLeaders();
  await cluster.stop("n1");
  const other = await occupy(before.address.routePort);
  await expect(start()).rejects.toMatchObject({
    code: "port_taken",
    message: expect.stringContaining(`:${before.address.routePort},`),
  });
  await new Promise((resolve) => other.close(resolve));
  expect((await start()).address).toEqual(before.address);
});

test("the data of another cluster is left alone", async () => {
  await start();
  await cluster.stop("n1");
  await expect(cluster.start("n1", { cluster: "hf-anotheranotherx" })).rejects.toMatchObject({
    code: "home_of_other_cluster",
  });
});

test("a configuration that the servers refuse leaves the one before in force", async () => {
  const engine = await start();
  await engine.provision({ logs: ["l"], buckets: [] });
  const credentials = await cluster.authority.credentials("n1");
  const broken = { ...credentials, engine: { ...credentials.engine, key: credentials.node.key } };
  await expect(engine.update({ credentials: broken })).rejects.toMatchObject({
    code: "engine_update_failed",
    message: expect.stringContaining("private key"),
  });
  process.kill(processOf(engine, "data"), "SIGKILL");
  await appendPatiently(engine, "l");
});

test("the processes are in groups of their own, so that Ctrl-C reaches only the node", async () => {
  const engine = await start();
  for (const { pid } of engine.processes) expect(groupOf(pid)).toBe(pid);
  await engine.close();
});

test("closing while a process is being started again leaves none behind", async () => {
  const engine = await start();
  const data = processOf(engine, "data");
  process.kill(data, "SIGKILL");
  await engine.close();
  for (const { pid } of engine.processes) expect(existsSync(`/proc/${pid}`)).toBe(false);
});

test("what an earlier node left running is ended; a process that only has its number is not", async () => {
  mkdirSync(home, { recursive: true });
  const sleep = "setInterval(() => undefined, 1000)";
  const left = spawn(process.execPath, ["-e", sleep, join(home, "data.conf")]);
  const stranger = spawn(process.execPath, ["-e", sleep]);
  const ended = once(left, "exit");
  writeFileSync(join(home, "data.conf.pid"), String(left.pid));
  writeFileSync(join(home, "witness.conf.pid"), String(stranger.pid));
  const engine = await start();
  expect(await ended).toEqual([null, "SIGTERM"]);
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  await engine.close();
  const gone = once(stranger, "exit");
  stranger.kill();
  await gone;
});
