import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNatsServer } from "@holdfast/engine";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NodeProcess, runHoldfast, TestHome } from "./node-process.ts";

let folder: string;
let server: ChildProcess;
let words: string[];
const homes: TestHome[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-nats-"));
  const config = {
    listen: "127.0.0.1:-1",
    jetstream: { store_dir: folder, sync_interval: "always" },
    authorization: { user: "holdfast", password: "a secret" },
  };
  writeFileSync(join(folder, "nats.conf"), JSON.stringify(config));
  writeFileSync(join(folder, "login"), "holdfast\na secret\n", { mode: 0o600 });
  const { path } = await findNatsServer(process.env);
  server = spawn(path, ["-c", join(folder, "nats.conf")]);
  const port = await new Promise<string>((resolve) => {
    let said = "";
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = /client connections on 127\.0\.0\.1:(\d+)[^]*Server is ready/.exec(said);
      if (found) resolve(found[1] ?? "");
    });
  });
  const login = join(folder, "login");
  words = ["--engine", `nats://127.0.0.1:${port}`, "--engine-creds", login];
});

afterAll(async () => {
  for (const home of homes) await home.remove();
  server.kill();
  await once(server, "exit");
  rmSync(folder, { recursive: true });
});

function start(name: string): Promise<NodeProcess> {
  const home = new TestHome();
  homes.push(home);
  const env = { HOLDFAST_ENGINE_REPLICAS: "1", HOLDFAST_TLS: "on", HOLDFAST_NODE: name };
  return home.start(env, [...words, "--name", name]);
}

const at = (node: NodeProcess) => ({
  HOLDFAST_HOME: homes[0]?.path ?? "",
  HOLDFAST_URL: node.url,
  HOLDFAST_TOKEN: node.token,
});

async function ownersAt(node: NodeProcess): Promise<string[]> {
  const { stdout, stderr } = await runHoldfast(["get", "partitions", "--json"], at(node));
  try {
    const items = JSON.parse(stdout) as { owner: string; isOpen: boolean }[];
    return [...new Set(items.map(({ owner, isOpen }) => (isOpen ? owner : "closed")))].sort();
  } catch {
    return [stderr];
  }
}

async function say(node: NodeProcess, conversation: string): Promise<string> {
  const send = ["send", "demo/greeter", "--conversation", conversation, "hello"];
  const { stdout, stderr, code } = await runHoldfast(send, at(node));
  expect(code, stderr).toBe(0);
  return stdout;
}

test("more replicas than the server keeps are named as a wrong setting", async () => {
  const home = new TestHome();
  const env = { HOLDFAST_ENGINE_REPLICAS: "3", HOLDFAST_PORT: "0", HOLDFAST_HOME: home.path };
  const { code, stderr } = await runHoldfast(["up", ...words], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/error\[invalid_configuration\]: .*HOLDFAST_ENGINE_REPLICAS=1/);
  await home.remove();
});

test("two nodes on one external engine share partitions, and one takes over from the other", async () => {
  const first = await start("x1");
  const second = await start("x2");
  expect([first.engine, second.engine]).toEqual([[], []]);
  const patience = { timeout: 60_000, interval: 500 };
  await expect.poll(() => ownersAt(first), patience).toEqual(["x1", "x2"]);
  for (const conversation of ["a", "b", "c", "d"]) {
    expect(await say(first, conversation)).toContain("Hello");
  }
  const token = await runHoldfast(["token", "create"], at(first));
  expect(token.stderr).toMatch(/error\[invalid_configuration\]: .*same HOLDFAST_ENGINE/);
  await first.kill();
  await expect.poll(() => ownersAt(second), patience).toEqual(["x2"]);
  for (const conversation of ["a", "b", "c", "d"]) {
    expect(await say(second, conversation)).toContain("Hello");
  }
  expect(await second.stop()).toBe(0);
});
