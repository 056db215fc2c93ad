import { type FakeNode, startFakeNode } from "@holdfast/sdk/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createContext } from "../context.ts";
import type { DoctorCheck, DoctorOptions } from "../server-module.ts";
import { createFakeTerminal, type FakeTerminal } from "../testing/fake-terminal.ts";
import { runDoctorCommand } from "./doctor.ts";

let node: FakeNode;
let terminal: FakeTerminal;
beforeEach(async () => {
  node = await startFakeNode();
  terminal = createFakeTerminal({ HOLDFAST_URL: node.url });
});
afterEach(() => node.close());

/** What the machine's checks were asked with. */
let asked: DoctorOptions | undefined;

const doctor = (checks: DoctorCheck[], json = false) =>
  runDoctorCommand(createContext(terminal, { json }), async () => ({
    async runDoctor(options) {
      asked = options;
      return checks;
    },
    startNode: async () => Promise.reject(new Error("not here")),
  }));

const engine = { name: "engine", ok: true, detail: "nats-server 2.14.3" };

it("prints every check, and 0 when none fails", async () => {
  expect(await doctor([engine])).toBe(0);
  expect(terminal.screen()).toContain("ok    engine        nats-server 2.14.3\n");
  expect(terminal.screen()).toContain(`ok    node          ${node.url} processes messages\n`);
  expect(terminal.screen()).toContain("All is well.");
});

it("prints the remedy and gives 1 when a check fails", async () => {
  const disk = { name: "disk", ok: false, detail: "full", remedy: "Free space." };
  node.state.ready = false;
  expect(await doctor([engine, disk])).toBe(1);
  expect(terminal.screen()).toMatch(/FAIL {2}disk +full\n +Free space\.\n/);
  expect(terminal.screen()).toMatch(/FAIL {2}node: engine +no leader\n/);
  expect(terminal.screen()).toContain("3 checks fail.");
});

it("takes a node that is not running for no failure", async () => {
  await node.close();
  expect(await doctor([engine], true)).toBe(0);
  expect(JSON.parse(terminal.screen())).toMatchObject({
    ok: true,
    checks: [engine, { name: "node", ok: false, skipped: true }],
  });
});

it("does not ask this machine for an engine that others run for the node", async () => {
  expect(await doctor([engine])).toBe(0);
  expect(asked).toMatchObject({ isEngineExternal: false });
  node.state.engineCheck = "external engine";
  expect(await doctor([engine])).toBe(0);
  expect(asked).toMatchObject({ isEngineExternal: true });
});
