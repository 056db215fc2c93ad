import { cpSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NodeProcess, runHoldfast, TestHome } from "./node-process.ts";

const founderHome = new TestHome();
const home = new TestHome();
const copiedHome = new TestHome();
let founder: NodeProcess;

beforeAll(async () => {
  founder = await founderHome.start({ HOLDFAST_TLS: "on" });
});

afterAll(async () => {
  for (const each of [copiedHome, home, founderHome]) await each.remove();
});

async function run(node: NodeProcess, ...words: string[]): Promise<string> {
  const env = { HOLDFAST_HOME: founderHome.path, HOLDFAST_URL: node.url };
  const { code, stdout, stderr } = await runHoldfast(words, env);
  expect(code, stderr).toBe(0);
  return stdout;
}

async function endsByItself(node: NodeProcess): Promise<void> {
  expect((await node.ended).code).not.toBe(0);
  expect(node.output()).toContain("node_outlived");
}

test("a copied data folder: whichever process started first ends, also when it has slept meanwhile", async () => {
  const env = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "worker-1" };
  const token = (await run(founder, "token", "create", "--role", "compute")).trim();
  const original = await home.start({ ...env, HOLDFAST_JOIN: token });
  process.kill(original.pid, "SIGSTOP");
  cpSync(home.path, copiedHome.path, { recursive: true });
  const copy = await copiedHome.start(env);
  expect(await run(copy, "send", "demo/greeter", "hello")).toContain("Hello");
  process.kill(original.pid, "SIGCONT");
  await endsByItself(original);
  expect(await run(copy, "send", "demo/greeter", "hello")).toContain("Hello");
  const restarted = await home.start(env);
  await endsByItself(copy);
  expect(await run(restarted, "send", "demo/greeter", "hello")).toContain("Hello");
  expect(await restarted.stop()).toBe(0);
});
