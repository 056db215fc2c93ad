import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

async function send(file: DevFile, node: string, text: string): Promise<string> {
  const url = file.nodes.find(({ name }) => name === node)?.url ?? "";
  const words = ["send", "demo/greeter", "--conversation", "dev", "--wait", "40", text];
  const env = { HOLDFAST_URL: url, HOLDFAST_TOKEN: file.token, HOLDFAST_CA: file.ca };
  const { code, stdout, stderr } = await runHoldfast(words, env);
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

  const second = file.nodes[1];
  process.kill(second?.pid ?? 0, "SIGKILL");
  await dev.said(/n2 was ended by SIGKILL .*still running: n1, n3, n4/);
  await send(file, "n4", "hello after a death");

  const { code, output } = await dev.stop();
  expect(code, output).toBe(0);
  expect(output).not.toContain("did not stop");
  for (const { pid } of file.nodes) expect(isAlive(pid)).toBe(false);
  // What the killed node left behind is ended, too.
  const engines = file.nodes.map(({ natsPid }) => natsPid ?? 0);
  await expect.poll(() => engines.filter((pid) => pid > 0 && isAlive(pid))).toEqual([]);

  const again = await start([]);
  expect(again.file.nodes.map(({ url }) => url)).toEqual(file.nodes.map(({ url }) => url));
  expect(again.file.token).toBe(file.token);
  const env = {
    HOLDFAST_URL: again.file.nodes[3]?.url ?? "",
    HOLDFAST_TOKEN: file.token,
    HOLDFAST_CA: file.ca,
  };
  const history = await runHoldfast(["history", "demo/greeter", "dev"], env);
  for (const text of ["hello from n1", "hello from n4", "hello after a death"]) {
    expect(history.stdout).toContain(text);
  }
  again.dev.closeErrors();
  expect((await again.dev.stop()).code).toBe(0);
  for (const { pid } of again.file.nodes) expect(isAlive(pid)).toBe(false);
});

test("what the folder's cluster cannot become is refused", async () => {
  const { code, stderr } = await runHoldfast(["dev", "--dir", folder, "--nodes", "2"]);
  expect(code).toBe(2);
  expect(stderr).toContain("has 4 nodes");
});
