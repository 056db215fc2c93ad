import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@holdfast/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDnsServer } from "../../packages/server/src/cluster/testing/dns-server.ts";
import { command, isAlive, type NodeProcess, runHoldfast, TestHome } from "./node-process.ts";

let founderHome: TestHome;
let founder: NodeProcess;
const homes: TestHome[] = [];

beforeAll(async () => {
  founderHome = new TestHome();
  founder = await founderHome.start({ HOLDFAST_TLS: "on", HOLDFAST_MDNS: "on" });
});

afterAll(async () => {
  for (const home of homes) await home.remove();
  await founderHome.remove();
});

function newHome(): TestHome {
  const home = new TestHome();
  homes.push(home);
  return home;
}

async function createToken(role?: string): Promise<string> {
  const words = ["token", "create", ...(role ? ["--role", role] : [])];
  const env = { HOLDFAST_HOME: founderHome.path, HOLDFAST_URL: founder.url };
  const { code, stdout, stderr } = await runHoldfast(words, env);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

/** Runs `holdfast up` that cannot succeed; gives the code that it names. */
async function refusal(words: readonly string[], home: TestHome): Promise<string> {
  const env = { HOLDFAST_HOME: home.path, HOLDFAST_PORT: "0", HOLDFAST_TLS: "on" };
  const { code, stderr } = await runHoldfast(["up", ...words], env);
  expect(code).not.toBe(0);
  return /error\[(\w+)\]/.exec(stderr)?.[1] ?? stderr;
}

async function ask(node: NodeProcess, text: string): Promise<string> {
  const env = { HOLDFAST_HOME: founderHome.path, HOLDFAST_URL: node.url };
  const { stdout, stderr, code } = await runHoldfast(["send", "demo/greeter", text], env);
  expect(code, stderr).toBe(0);
  return stdout;
}

test("a compute node joins where its token says, and answers; a second start just goes on", async () => {
  const home = newHome();
  const env = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "worker-1" };
  const joining = { ...env, HOLDFAST_JOIN: await createToken("compute") };
  const node = await home.start(joining, [], "join");
  expect(node.engine).toEqual([]);
  expect(await ask(node, "hello")).toContain("Hello");
  expect(await node.stop()).toBe(0);
  const again = await home.start(env);
  expect(await ask(again, "hello")).toContain("Hello");
  expect(JSON.parse(readFileSync(`${home.path}/cluster.json`, "utf8"))).toMatchObject({
    node: "worker-1",
    role: "compute",
  });
  expect(await again.stop()).toBe(0);
});

test("a compute node has no administrator's token, declares through store nodes, and ends when removed", async () => {
  const home = newHome();
  const env = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "worker-2", HOLDFAST_LOG_LEVEL: "silent" };
  const node = await home.start({ ...env, HOLDFAST_JOIN: await createToken("compute") });
  expect(existsSync(join(home.path, "admin-token"))).toBe(false);
  const at = (url: string) => ({ HOLDFAST_HOME: founderHome.path, HOLDFAST_URL: url });
  const created = await runHoldfast(["tokens", "create", "ci"], at(node.url));
  expect(created.code, created.stderr).toBe(0);
  const remove = ["remove", "worker-2", "--force", "--yes"];
  const removed = await runHoldfast(remove, at(founder.url));
  expect(removed.code, removed.stderr).toBe(0);
  expect((await node.ended).code).not.toBe(0);
  expect(node.output()).toContain("node_removed");
  await expect(home.start(env)).rejects.toThrow("node_removed");
});

test("a token is used up once, and tells a stranger nothing", async () => {
  const token = await createToken("compute");
  const node = await newHome().start({ HOLDFAST_TLS: "on", HOLDFAST_JOIN: token });
  expect(await refusal(["--join", token], newHome())).toBe("join_token_used");
  expect(await refusal(["--join", "hfj_nonsense"], newHome())).toBe("join_token_invalid");
  expect(await refusal(["--role", "compute"], newHome())).toBe("usage");
  const store = await createToken("store");
  expect(await refusal(["--join", store, "--role", "compute"], newHome())).toBe("join_token_role");
  expect(await node.stop()).toBe(0);
});

test("a home of another cluster is not taken over", async () => {
  const other = newHome();
  const node = await other.start();
  expect(await node.stop()).toBe(0);
  expect(await refusal(["--join", await createToken("compute")], other)).toBe(
    "home_of_other_cluster",
  );
});

test("a node finds its cluster by DNS, whose nonsense it names", async () => {
  const { hostname, port } = new URL(founder.url);
  const dns = await startDnsServer({
    "SRV _holdfast._tcp.cluster.test": [{ srv: [1, 1, Number(port), "n1.cluster.test"] }],
    "A n1.cluster.test": [{ ip: hostname }],
    "SRV _holdfast._tcp.broken.test": [{ srv: [1, 1, 0, "n1.cluster.test"] }],
  });
  try {
    const env = { HOLDFAST_TLS: "on", HOLDFAST_DNS: dns.address };
    const token = await createToken("compute");
    const words = ["up", "--join", token, "--discover", "dns:broken.test"];
    const failed = await runHoldfast(words, { ...env, HOLDFAST_HOME: newHome().path });
    expect(failed.stderr).toContain("error[discovery_failed]");
    expect(failed.stderr).toContain("has port 0");
    const node = await newHome().start({ ...env, HOLDFAST_JOIN: token }, [
      "--discover",
      "dns:cluster.test",
    ]);
    expect(dns.asked).toContain("A n1.cluster.test");
    expect(await node.stop()).toBe(0);
  } finally {
    await dns.close();
  }
});

test("a node finds its cluster by multicast", async () => {
  const env = { HOLDFAST_TLS: "on", HOLDFAST_JOIN: await createToken("compute") };
  const node = await newHome().start(env, ["--discover", "mdns"]);
  expect(await ask(node, "hello")).toContain("Hello");
  expect(await node.stop()).toBe(0);
});

test("a join that is killed at any moment leaves a home that joins again or is joined", async () => {
  const home = newHome();
  for (const written of ["join.json", "identity.json", "cluster.json"]) {
    const env = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "flaky-1" };
    const token = await createToken("compute");
    const starting = home.start({ ...env, HOLDFAST_JOIN: token }).catch(() => undefined);
    const isThere = () => existsSync(join(home.path, written));
    await expect.poll(isThere, { interval: 1, timeout: 60_000 }).toBe(true);
    await home.killAll();
    await starting;
  }
  const env = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "flaky-1" };
  const node = await home.start({ ...env, HOLDFAST_JOIN: await createToken("compute") });
  expect(await ask(node, "hello")).toContain("Hello");
  expect(await node.stop()).toBe(0);
});

test("a removed store node stops at once, and the key in its folder opens nothing any more", async () => {
  const home = newHome();
  const env = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "store-2", HOLDFAST_LOG_LEVEL: "silent" };
  const node = await home.start({ ...env, HOLDFAST_JOIN: await createToken("store") });
  const at = { HOLDFAST_HOME: founderHome.path, HOLDFAST_URL: founder.url };
  const remove = ["remove", "store-2", "--force", "--yes"];
  const own = await runHoldfast(remove, { ...at, HOLDFAST_TOKEN: node.token });
  expect(own.stderr).toContain("error[token_of_node]");
  const removed = await runHoldfast(remove, at);
  expect(removed.code, removed.stderr).toBe(0);
  const kept = await runHoldfast(["get", "nodes"], { ...at, HOLDFAST_TOKEN: node.token });
  expect(kept.stderr).toContain("error[unauthenticated]");
  expect((await node.ended).code).not.toBe(0);
  expect(node.output()).toContain("node_removed");
  for (const { pid } of node.engine) expect(isAlive(pid)).toBe(false);
  await expect(home.start(env)).rejects.toThrow("node_removed");
  // Its server leaves the engine, too, where it would count for the next majority.
  const ca = readFileSync(join(founderHome.path, "ca.pem"), "utf8");
  const client = createClient({ url: founder.url, token: founder.token, ca });
  await expect
    .poll(() => client.operation(), { timeout: 90_000, interval: 500 })
    .toMatchObject({ kind: "replace", node: "store-2", phase: "done" });
});

test("a folder whose name was taken joins under another", async () => {
  const name = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "taken" };
  const first = await newHome().start({ ...name, HOLDFAST_JOIN: await createToken("compute") });
  const home = newHome();
  const words = ["--join", await createToken("compute"), "--name"];
  expect(await refusal([...words, "taken"], home)).toBe("node_name_taken");
  const second = await home.start({ HOLDFAST_TLS: "on" }, [...words, "free"]);
  expect(await second.stop()).toBe(0);
  expect(await first.stop()).toBe(0);
});

test("a store node that waits for the others says so, and stops at once when asked", async () => {
  const [first, second] = [newHome(), newHome()];
  const founding = await first.start({ HOLDFAST_TLS: "on", HOLDFAST_NODE: "first" });
  const at = { HOLDFAST_HOME: first.path, HOLDFAST_URL: founding.url };
  const { stdout: token } = await runHoldfast(["token", "create", "--role", "store"], at);
  const joining = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "second", HOLDFAST_JOIN: token.trim() };
  expect(await (await second.start(joining)).stop()).toBe(0);
  expect(await founding.stop()).toBe(0);
  const env = {
    ...process.env,
    HOLDFAST_HOME: second.path,
    HOLDFAST_TLS: "on",
    HOLDFAST_PORT: "0",
  };
  const waiting = spawn(process.execPath, [command, "up"], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(waiting, "exit");
  let said = "";
  waiting.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await expect.poll(() => said, { timeout: 60_000 }).toContain("waiting for the engine");
  const stoppedAt = performance.now();
  waiting.kill("SIGTERM");
  expect(await ended, said).toEqual([0, null]);
  expect(performance.now() - stoppedAt).toBeLessThan(8_000);
  // With the first it goes on.
  const again = first.start({ HOLDFAST_TLS: "on" });
  const both = await Promise.all([again, second.start({ HOLDFAST_TLS: "on" })]);
  for (const node of both.reverse()) expect(await node.stop()).toBe(0);
});
