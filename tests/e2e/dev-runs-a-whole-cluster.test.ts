import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@holdfast/sdk";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { DevProcess, type DevFile } from "./dev-process.ts";
import { isAlive, runHoldfast } from "./node-process.ts";

let folder: string;
let running: DevProcess | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-dev-"));
});

afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const node of ["n1", "n2", "n3", "n4"]) {
    const log = join(folder, `${node}.log`);
    if (existsSync(log)) console.error(`${node}: ${readFileSync(log, "utf8").slice(-4_000)}`);
  }
});

afterAll(async () => {
  await running?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

async function start(words: readonly string[]): Promise<{ dev: DevProcess; file: DevFile }> {
  running = new DevProcess(folder, words);
  return { dev: running, file: await running.ready() };
}

function accessTo(file: DevFile, node: string): Record<string, string> {
  const url = file.nodes.find(({ name }) => name === node)?.url ?? "";
  return { HOLDFAST_URL: url, HOLDFAST_TOKEN: file.token, HOLDFAST_CA: file.ca };
}

/** Asks the nodes again and again; `stop` returns what they said while they were not ready. */
function watchReadiness(file: DevFile, nodes: readonly string[]) {
  let stopped = false;
  const watch = async (name: string) => {
    const { HOLDFAST_URL: url = "", HOLDFAST_CA: ca = "" } = accessTo(file, name);
    const client = createClient({ url, token: file.token, ca: readFileSync(ca, "utf8") });
    const problems: unknown[] = [];
    let asked = 0;
    do {
      const { ready, checks } = await client.readiness();
      asked += 1;
      if (!ready) problems.push({ name, failed: checks.filter(({ ok }) => !ok) });
      await pause(50);
    } while (!stopped || asked < 2);
    return problems;
  };
  const watching = Promise.all(nodes.map(watch));
  return {
    async stop() {
      stopped = true;
      return (await watching).flat();
    },
  };
}

async function send(file: DevFile, node: string, text: string): Promise<string> {
  const words = ["send", "demo/greeter", "--conversation", "dev", "--wait", "40", text];
  const { code, stdout, stderr } = await runHoldfast(words, accessTo(file, node));
  expect(code, stderr).toBe(0);
  return stdout;
}

test("four nodes run, survive the death of one, stop in order, and go on from the same folder", async () => {
  const { dev, file } = await start(["--nodes", "4"]);
  expect(statSync(join(folder, "dev.json")).mode & 0o777).toBe(0o600);
  expect(file.nodes.map(({ name, roles }) => [name, ...roles])).toEqual([
    ["n1", "store"],
    ["n2", "store"],
    ["n3", "store"],
    ["n4", "compute"],
  ]);
  for (const { url, pid, natsPid } of file.nodes) {
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(isAlive(pid)).toBe(true);
    if (natsPid !== null) expect(isAlive(natsPid)).toBe(true);
  }
  expect(file.nodes.map(({ natsPid }) => natsPid === null)).toEqual([false, false, false, true]);
  for (const node of ["n1", "n2", "n3", "n4"]) await send(file, node, `hello from ${node}`);

  const readiness = watchReadiness(file, ["n1", "n3", "n4"]);
  for (const action of ["drain", "activate"]) {
    const moved = await runHoldfast([action, "n4"], accessTo(file, "n1"));
    expect(moved.code, moved.stderr).toBe(0);
  }
  // Nobody is sent away because a partition is on its way from one node to another.
  expect(await readiness.stop()).toEqual([]);
  const second = file.nodes[1];
  process.kill(second?.pid ?? 0, "SIGKILL");
  await dev.said(/n2 was ended by SIGKILL .*still running: n1, n3, n4/);
  await send(file, "n4", "hello after a death");

  const { code, output } = await dev.stop();
  expect(code, output).toBe(0);
  expect(output).not.toContain("did not stop");
  for (const { pid } of file.nodes) expect(isAlive(pid)).toBe(false);
  // What the killed node left behind is ended, too.
  expect(existsSync(join(folder, "dev.json"))).toBe(false);
  const engines = file.nodes.map(({ natsPid }) => natsPid ?? 0);
  await expect.poll(() => engines.filter((pid) => pid > 0 && isAlive(pid))).toEqual([]);

  const again = await start([]);
  expect(again.file.nodes.map(({ url }) => url)).toEqual(file.nodes.map(({ url }) => url));
  expect(again.file.token).toBe(file.token);
  const words = ["history", "demo/greeter", "dev"];
  const history = await runHoldfast(words, accessTo(again.file, "n4"));
  for (const text of ["hello from n1", "hello from n4", "hello after a death"]) {
    expect(history.stdout).toContain(text);
  }
  again.dev.closeErrors();
  expect((await again.dev.stop()).code).toBe(0);
  for (const { pid } of again.file.nodes) expect(isAlive(pid)).toBe(false);
});

test("nodes that were removed are left out of the next start", async () => {
  const { dev, file } = await start([]);
  const remove = ["remove", "n2", "--force", "--yes"];
  const removed = await runHoldfast(remove, accessTo(file, "n1"));
  expect(removed.code, removed.stderr).toBe(0);
  await dev.said(/n2 ended with exit code/);
  expect((await dev.stop()).code).toBe(0);
  const again = await start([]);
  await again.dev.said("n2 was removed from the cluster, and is left out");
  expect(again.file.nodes.map(({ name }) => name)).toEqual(["n1", "n3", "n4"]);
  await send(again.file, "n4", "hello without n2");
  expect((await again.dev.stop()).code).toBe(0);
});

test("what the folder's cluster cannot become is refused", async () => {
  const { code, stderr } = await runHoldfast(["dev", "--dir", folder, "--nodes", "2"]);
  expect(code).toBe(2);
  expect(stderr).toContain("has 4 nodes");
});
