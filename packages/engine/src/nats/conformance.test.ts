import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  blobStoreConformance,
  busConformance,
  engineConformance,
  keyValueConformance,
  messageLogConformance,
} from "@holdfast/testkit/conformance";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findNatsServer } from "../managed/find-server.ts";
import { type PlainEngine, startPlainEngine } from "../managed/plain-engine.ts";
import { createNatsEngine } from "./nats-engine.ts";

let home = "";
let managed: PlainEngine;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "holdfast-engine-"));
  const server = await findNatsServer(process.env);
  managed = await startPlainEngine({ server, home, report: (error) => console.error(error) });
}, 30_000);

afterAll(async () => {
  await managed.close();
  rmSync(home, { recursive: true });
});

/** Another node's view: a connection of its own. */
async function view() {
  const config = JSON.parse(readFileSync(join(home, "data.conf"), "utf8"));
  const { user, password } = config.accounts.HOLDFAST.users[0];
  return createNatsEngine({
    connection: { servers: [`127.0.0.1:${config.port}`], user, pass: password },
    replicas: 1,
    placementTags: ["role:data"],
  });
}

messageLogConformance("NATS JetStream", view, { propertyRuns: 5 });
keyValueConformance("NATS JetStream", view, { propertyRuns: 5 });
blobStoreConformance("NATS JetStream", view);
busConformance("NATS JetStream", view);
engineConformance("NATS JetStream", view);

test("a bus message over the payload limit is dropped, and the next one arrives", async () => {
  const engine = await view();
  const arrived = new Promise<number>((resolve) => {
    engine.bus.subscribe("sizes", (_, data) => resolve(data.byteLength));
  });
  engine.bus.publish("sizes", new Uint8Array(2_000_000));
  engine.bus.publish("sizes", new Uint8Array(7));
  expect(await arrived).toBe(7);
  await engine.close();
});
