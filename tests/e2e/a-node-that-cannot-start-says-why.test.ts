import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runHoldfast } from "./node-process.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-refusals-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Tries to start a node; resolves to what it said and left behind. */
async function up(env: Record<string, string>): Promise<string> {
  const given = { HOLDFAST_HOME: join(folder, "home"), HOLDFAST_PORT: "0", ...env };
  const { code, stdout, stderr } = await runHoldfast(["up"], given);
  expect(code).toBe(1);
  expect(stdout).toBe("");
  return stderr;
}

function script(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o700);
  return file;
}

test("a nats-server that is too old", async () => {
  const old = script("old", 'echo "nats-server: v2.10.22"');
  const said = await up({ HOLDFAST_NATS_SERVER: old });
  expect(said).toMatch(/error\[engine_too_old\]: .*2\.10\.22; Holdfast needs 2\.14\.0 or newer/);
  expect(said).toContain("https://github.com/nats-io/nats-server/releases");
});

test("a nats-server that is missing, or is no nats-server", async () => {
  const missing = join(folder, "none");
  expect(await up({ HOLDFAST_NATS_SERVER: missing, PATH: "" })).toContain(
    "error[engine_not_found]",
  );
  expect(await up({ HOLDFAST_NATS_SERVER: folder })).toContain("error[engine_not_found]");
  const other = script("other", "exit 3");
  expect(await up({ HOLDFAST_NATS_SERVER: other })).toContain("error[engine_not_found]");
});

test("a nats-server that ends at once tells its last words", async () => {
  const dies = script("dies", 'echo "nats-server: v2.14.5"; echo "no luck today" >&2; exit 1');
  const version = script("dies-later", `[ "$1" = --version ] && echo v2.14.5 && exit 0; ${dies}`);
  const said = await up({ HOLDFAST_NATS_SERVER: version });
  expect(said).toMatch(/error\[engine_start_failed\]: .*no luck today/);
});

test("every wrong setting is named at once, with what was expected", async () => {
  const said = await up({
    HOLDFAST_PORT: "99999",
    HOLDFAST_LOG_LEVEL: "loud",
    HOLDFAST_PARTITIONS: "0",
    HOLDFAST_ENGINE: "http://example.org",
    HOLDFAST_ENGINE_PORTS: "7777,7777",
    HOLDFAST_FAILPOINT: "99",
  });
  expect(said).toContain("error[invalid_configuration]");
  for (const [setting, expected] of [
    ["PORT", "0 to 65535"],
    ["LOG_LEVEL", '"debug"'],
    ["PARTITIONS", ">=1"],
    ["ENGINE", "nats://"],
    ["ENGINE_PORTS", "two different ports"],
    ["FAILPOINT", "number"],
  ]) {
    expect(said).toMatch(new RegExp(`^  HOLDFAST_${setting}: .*${expected}`, "m"));
  }
});

test("a data folder of a newer version, and one whose node.json is damaged, stay as they are", async () => {
  const home = join(folder, "newer");
  mkdirSync(home);
  const file = join(home, "node.json");
  writeFileSync(file, '{"format":99,"identity":{"made":"by a newer version"},"node":"n-x"}');
  expect(await up({ HOLDFAST_HOME: home })).toMatch(
    /error\[home_too_new\]: .* format 99, .*this version reads 1/,
  );
  for (const damaged of ['{"for', "", "[]", '{"format":1}', '{"format":1,"node":"../../x"}']) {
    writeFileSync(file, damaged);
    expect(await up({ HOLDFAST_HOME: home })).toMatch(
      /error\[data_corrupt\]: .*node\.json.*expected/,
    );
  }
});

test("a data folder that is a file, or cannot be made", async () => {
  const file = join(folder, "a-file");
  writeFileSync(file, "");
  for (const home of [file, join(file, "below")]) {
    expect(await up({ HOLDFAST_HOME: home })).toMatch(
      /error\[home_unusable\]: .*a file stands there; expected a folder/,
    );
  }
  expect(await up({ HOLDFAST_HOME: "/proc/holdfast" })).toContain("error[home_unusable]");
  // Even root may write nothing there.
  expect(await up({ HOLDFAST_HOME: "/sys" })).toContain("error[home_unusable]");
});

test("a port of the API that is taken, and no engine is left behind", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const said = await up({ HOLDFAST_PORT: String(port) });
  expect(said).toMatch(
    new RegExp(`error\\[port_taken\\]: Port ${port} on 127.0.0.1 is taken.*HOLDFAST_PORT`),
  );
  await new Promise((resolve) => other.close(resolve));
});
