import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runDoctor } from "./doctor.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "holdfast-doctor-"));
});
afterEach(() => rmSync(home, { recursive: true }));

async function engineChecks(env: NodeJS.ProcessEnv, isEngineExternal: boolean) {
  const checks = await runDoctor({ home, host: "127.0.0.1", port: 0, env, isEngineExternal });
  const told = checks.map(({ name, detail }) => [name, detail] as const);
  return Object.fromEntries(told);
}

const external = {
  engine: "others run it: no nats-server is needed here",
  "sync mode": "external engine: set sync_interval to always in its own configuration",
  "safe against power loss": "as the external engine is set",
};

test("an engine that others run is not answered for, whoever tells of it", async () => {
  expect(await engineChecks({ HOLDFAST_ENGINE: "nats://127.0.0.1:4222" }, false)).toMatchObject(
    external,
  );
  expect(await engineChecks({}, true)).toMatchObject(external);
});

test("its own engine writes to the disk, and needs a nats-server here", async () => {
  expect(await engineChecks({ HOLDFAST_NATS_SERVER: "/nowhere/nats-server" }, false)).toMatchObject(
    {
      engine: expect.stringContaining("/nowhere/nats-server"),
      "sync mode": "always: a confirmed write is on disk",
      "safe against power loss": "yes",
    },
  );
});
