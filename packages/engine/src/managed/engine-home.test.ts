import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { EngineHome } from "./engine-home.ts";

const host = "127.0.0.1";
const known = {
  data: { client: 20_001, route: 20_002 },
  witness: { client: 20_002, route: 20_003 },
};
const choice = { host, hasWitness: true, mayMove: true };

let folder = "";

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(ports?: object): EngineHome {
  folder = mkdtempSync(join(tmpdir(), "holdfast-engine-home-"));
  const home = EngineHome.open(folder, { cluster: "hf-1", node: "n1", role: "founder" });
  if (ports) writeFileSync(join(folder, "ports.json"), JSON.stringify(ports));
  return home;
}

test("no two servers of a node have a port in common, whatever was chosen before", async () => {
  const { data, witness } = await open(known).ports(choice);
  expect(data).toEqual(known.data);
  const all = [data.client, data.route, witness?.client, witness?.route];
  expect(new Set(all).size).toBe(4);
  expect(JSON.parse(readFileSync(join(folder, "ports.json"), "utf8"))).toEqual({ data, witness });
});

test("a port that somebody took meanwhile is given up, where nobody else knows it", async () => {
  const home = open();
  const first = await home.ports(choice);
  expect(await home.ports(choice)).toEqual(first);
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(first.data.route, host, resolve));
  const second = await home.ports(choice);
  expect(second.data.route).not.toBe(first.data.route);
  await expect(home.ports({ ...choice, wanted: first.data })).rejects.toMatchObject({
    code: "port_taken",
  });
  await new Promise((resolve) => stranger.close(resolve));
});
