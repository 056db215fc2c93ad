import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type FakeNode, startFakeNode } from "@holdfast/sdk/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runCli } from "../testing/run-cli.ts";

let node: FakeNode;
let folder: string;
beforeEach(async () => {
  node = await startFakeNode();
  folder = await mkdtemp(path.join(tmpdir(), "holdfast-import-"));
  const workspace = path.join(folder, "workspace");
  await mkdir(workspace);
  await writeFile(path.join(workspace, "AGENTS.md"), "Be kind.\n");
  const config = `{ // JSON5
    agents: { entries: { main: { workspace: ${JSON.stringify(workspace)} } } },
    gateway: { port: 18789 },
  }`;
  await writeFile(path.join(folder, "openclaw.json"), config);
});
afterEach(async () => {
  await node.close();
  await rm(folder, { recursive: true });
});

const cli = (...words: string[]) =>
  runCli(["import", "openclaw", ...words], {
    HOLDFAST_URL: node.url,
    HOLDFAST_TOKEN: node.token,
  });

it("says what is taken over and what is not, and changes nothing in a dry run", async () => {
  const dry = await cli(folder, "--org", "acme", "--dry-run");
  expect(dry).toMatchObject({ code: 0, stderr: "" });
  expect(dry.stdout).toContain("Taken over:\n");
  expect(dry.stdout).toMatch(/Not taken over:\n(.*\n)*.*gateway/);
  expect(dry.stdout).toContain("Agent acme/main created");
  expect(node.state.resources.size).toBe(0);
});

it("applies, and leaves the title of an organization that exists", async () => {
  const organization = { kind: "Organization", name: "acme", displayName: "Acme" } as const;
  node.state.resources.set("Organization//acme", organization);
  expect(await cli(folder, "--org", "acme")).toMatchObject({ code: 0 });
  expect(node.state.resources.get("Organization//acme")).toEqual(organization);
  expect(node.state.resources.get("Agent/acme/main")).toMatchObject({ kind: "Agent" });
  const again = await cli(folder, "--org", "acme", "--dry-run", "--json");
  expect(JSON.parse(again.stdout)).toMatchObject({ resources: [{ kind: "Agent", name: "main" }] });
});

it("refuses what is no OpenClaw folder", async () => {
  expect(await cli(path.join(folder, "nothing"), "--org", "acme")).toMatchObject({ code: 1 });
  expect(await cli(folder)).toMatchObject({ code: 2 });
  expect(await cli(folder, "--org", "Acme!")).toMatchObject({ code: 2 });
});
