import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const script = join(import.meta.dirname, "check-boundaries.ts");
const packages = ["agent", "cli", "core", "engine", "sdk", "security", "server", "testkit"];

let folder: string;

/** A small repository of the same shape, in which every package is empty. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-boundaries-"));
  write("package.json", "{}");
  mkdirSync(join(folder, "node_modules/@holdfast"), { recursive: true });
  for (const name of packages) {
    const manifest = { name: `@holdfast/${name}`, exports: { ".": "./src/index.ts" } };
    const dependencies = { zod: "4", fastify: "5" };
    write(`packages/${name}/package.json`, JSON.stringify({ ...manifest, dependencies }));
    write(`packages/${name}/src/index.ts`, "export const here = 1;\n");
    symlinkSync(join(folder, "packages", name), join(folder, "node_modules/@holdfast", name));
  }
  for (const name of ["zod", "fastify", "vitest", "@nats-io/transport-node"]) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, main: "index.js" }));
    write(`node_modules/${name}/index.js`, "export const there = 1;\n");
  }
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("refused", () => {
  const nats = 'import "@nats-io/transport-node";';
  test.each([
    ["core-is-pure", "core/src/x.ts", 'import { readFileSync } from "node:fs";'],
    ["core-is-pure", "core/src/x.ts", 'import { there } from "fastify";'],
    ["core-is-pure", "core/src/x.ts", nats],
    ["core-is-pure", "core/src/deep/x.ts", 'import type { Server } from "node:http";'],
    ["core-is-pure", "core/src/x.ts", 'const http = await import("node:http");'],
    ["core-imports-only-what-it-may", "core/src/x.ts", 'import { here } from "@holdfast/engine";'],
    ["core-tests-are-pure", "core/src/x.test.ts", nats],
    ["engine-imports-only-what-it-may", "engine/src/x.ts", 'import "@holdfast/agent";'],
    ["agent-imports-only-what-it-may", "agent/src/x.ts", 'import "@holdfast/engine";'],
    ["security-imports-only-what-it-may", "security/src/x.ts", 'import "@holdfast/server";'],
    ["server-imports-only-what-it-may", "server/src/x.ts", 'import "@holdfast/sdk";'],
    ["sdk-imports-only-what-it-may", "sdk/src/x.ts", 'import "@holdfast/agent";'],
    ["cli-imports-only-what-it-may", "cli/src/x.ts", 'import "@holdfast/engine";'],
    ["testkit-imports-only-what-it-may", "testkit/src/x.ts", 'import "@holdfast/engine";'],
    ["every-package-has-a-rule", "novel/src/x.ts", 'import "@holdfast/core";'],
    ["cli-loads-the-server-late", "cli/src/x.ts", 'import { here } from "@holdfast/server";'],
    ["testkit-stays-in-tests", "engine/src/x.ts", 'import { here } from "@holdfast/testkit";'],
    ["test-tools-stay-in-tests", "engine/src/x.ts", 'import { there } from "vitest";'],
    ["product-imports-no-test-code", "engine/src/x.ts", 'import "./testing/helper.ts";'],
    ["packages-by-name", "engine/src/x.ts", 'import "../../core/src/index.ts";'],
    ["packages-by-name", "engine/src/x.test.ts", 'import "../../core/src/index.ts";'],
    ["resolvable", "engine/src/x.ts", 'import "@holdfast/core/src/index.ts";'],
    ["declared", "engine/src/x.ts", nats],
  ])("%s: %s with %s", (rule, file, line) => {
    write("packages/engine/src/testing/helper.ts", "export {};\n");
    write(`packages/${file}`, `${line}\nexport {};\n`);
    const { status, output } = check();
    expect(output).toContain(`error ${rule}: packages/${file}`);
    expect(status).not.toBe(0);
  });
});

test("a cycle is refused, one of types alone as well", () => {
  write("packages/engine/src/x.ts", 'import type { Y } from "./y.ts";\nexport type X = Y[];\n');
  write("packages/engine/src/y.ts", 'import type { X } from "./x.ts";\nexport type Y = X[];\n');
  const { status, output } = check();
  expect(output).toContain("error no-cycles: packages/engine/src/");
  expect(status).not.toBe(0);
});

test("what is allowed passes", () => {
  write("packages/core/src/index.ts", 'export { there } from "zod";\nexport * from "./x.ts";\n');
  write("packages/core/src/x.ts", "export const here = 1;\n");
  write("packages/core/src/x.test.ts", 'import "vitest";\nimport "@holdfast/testkit";\n');
  write("packages/engine/src/x.ts", 'import "node:fs";\nimport { here } from "@holdfast/core";\n');
  write("packages/engine/src/x.test.ts", 'import "@holdfast/testkit";\n');
  write("packages/engine/src/testing/helper.ts", 'import "vitest";\n');
  write("packages/server/src/x.ts", 'import "@holdfast/engine";\nimport "@holdfast/agent";\n');
  write(
    "packages/cli/src/x.ts",
    'import type { here } from "@holdfast/server";\nawait import("@holdfast/server");\n',
  );
  const { status, output } = check();
  expect(output).toContain("no dependency violations found");
  expect(status).toBe(0);
});

function write(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function check(): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    cwd: folder,
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status, output: stdout + stderr };
}
