import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isAlive, runHoldfast } from "./node-process.ts";

const command = new URL("../../packages/cli/bin/holdfast.mjs", import.meta.url).pathname;

interface DevFile {
  readonly nodes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly url: string;
    readonly roles: readonly string[];
    readonly natsPid: number | null;
  }[];
  readonly token: string;
  readonly ca: string;
}

let folder: string;
let running: Dev | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-dev-"));
});

afterAll(async () => {
  await running?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

/** `holdfast dev`, as a process. */
class Dev {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = "";
  readonly #onOutput = new Set<() => void>();

  constructor(words: readonly string[]) {
    this.#child = spawn(process.execPath, [command, "dev", "--dir", folder, ...words]);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        for (const check of this.#onOutput) check();
      });
    }
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
  }

  said(text: string | RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!new RegExp(text).test(this.#output)) return;
        this.#onOutput.delete(check);
        resolve();
      };
      this.#onOutput.add(check);
      check();
      void this.#ended.then(() => reject(new Error(`dev ended: ${this.#output}`)));
    });
  }

  async stop(): Promise<{ code: number | null; output: string }> {
    this.#child.kill("SIGTERM");
    return { code: await this.#ended, output: this.#output };
  }
}

async function start(words: readonly string[]): Promise<{ dev: Dev; file: DevFile }> {
  running = new Dev(words);
  await running.said("Ctrl-C\n");
  return { dev: running, file: JSON.parse(readFileSync(join(folder, "dev.json"), "utf8")) };
}

async function send(file: DevFile, node: string, text: string): Promise<string> {
  const url = file.nodes.find(({ name }) => name === node)?.url ?? "";
  const words = ["send", "demo/greeter", "--conversation", "dev", text];
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
  expect((await again.dev.stop()).code).toBe(0);
});

test("what the folder's cluster cannot become is refused", async () => {
  const { code, stderr } = await runHoldfast(["dev", "--dir", folder, "--nodes", "2"]);
  expect(code).toBe(2);
  expect(stderr).toContain("has 4 nodes");
});
