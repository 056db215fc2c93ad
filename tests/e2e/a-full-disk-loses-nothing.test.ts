import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { type NodeProcess, TestHome } from "./node-process.ts";

/** Mounting needs root; the file system is gone with the test. */
const folder = mkdtempSync(join(tmpdir(), "holdfast-full-"));
let home: TestHome;
let node: NodeProcess;
let api: Api;

beforeAll(async () => {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", folder]);
  home = new TestHome(join(folder, "home"));
  node = await home.start({ HOLDFAST_LOG_LEVEL: "silent" });
  api = apiOf(node);
});

afterAll(async () => {
  await home.remove();
  execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true });
});

/** Leaves no byte free. */
function fillDisk(): string {
  const file = join(folder, "filler");
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(file, Buffer.alloc(bavail * bsize + 1_048_576));
  } catch (error) {
    expect(String(error)).toContain("ENOSPC");
  }
  expect(statfsSync(folder).bavail).toBe(0);
  return file;
}

const text = (number: number) => `Echo ${number} ${"x".repeat(20_000)}`;

test("over a full disk nothing is acknowledged that is not kept, and it goes on when there is space", async () => {
  const acknowledged: number[] = [];
  const refused: number[] = [];
  let lastCode = "";
  const send = async (number: number) => {
    const answer = await api.submit("demo/greeter", "c1", text(number), `key-${number}`);
    const { status, body, headers } = answer;
    if (status === 202) {
      acknowledged.push(number);
      return true;
    }
    refused.push(number);
    lastCode = body.error.code;
    expect([429, 503, 507], JSON.stringify(body)).toContain(status);
    expect([
      "storage_full",
      "engine_unavailable",
      "append_outcome_unknown",
      "not_ready",
      "conversation_busy",
    ]).toContain(body.error.code);
    expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    return false;
  };
  let next = 0;
  for (; next < 5; next += 1) expect(await send(next)).toBe(true);
  const filler = fillDisk();
  // At first the engine meets the full disk itself; then nothing is written any more.
  await expect
    .poll(async () => (await send(next++)) || lastCode, { timeout: 10_000 })
    .toBe("storage_full");
  for (; next < 20; next += 1) await send(next);
  expect(refused.length).toBeGreaterThanOrEqual(10);
  rmSync(filler);
  await expect.poll(() => send(next++), { timeout: 30_000, interval: 200 }).toBe(true);
  await expect
    .poll(async () => (await api.call("GET", "/readyz")).status, { timeout: 20_000 })
    .toBe(200);
  const last = await api.ask("demo/greeter", "c1", "Echo last", "last");
  expect(last.status, JSON.stringify(last.body)).toBe(200);
  const history = await api.history("demo/greeter", "c1");
  const asked = history.filter(({ role }) => role === "user").map((message) => message.text);
  expect(new Set(asked).size).toBe(asked.length);
  const kept = acknowledged.map(text);
  expect(asked.filter((each) => kept.includes(each))).toEqual(kept);
  expect(history.filter(({ role }) => role === "assistant")).toHaveLength(asked.length);
});

test("a node does not start on a full disk, says so, and starts when there is space", async () => {
  await node.stop();
  const filler = fillDisk();
  const refused = await home.start().then(
    () => "it started",
    (error: unknown) => String(error),
  );
  expect(refused).toContain('"storage_full"');
  rmSync(filler);
  api = apiOf(await home.start());
  const history = await api.history("demo/greeter", "c1");
  expect(history.at(-1)?.text).toBe("last");
  expect((await api.ask("demo/greeter", "c1", "Hello", "again")).status).toBe(200);
});
