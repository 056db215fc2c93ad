import { connect } from "node:tls";
import { once } from "node:events";
import { readCertificate, issueCertificate } from "@holdfast/security";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ClusterHome } from "../../packages/server/src/cluster/cluster-home.ts";
import { foundCluster } from "../../packages/server/src/cluster/found-cluster.ts";
import { systemClock } from "../../packages/server/src/system-clock.ts";
import { systemRandom as random } from "../../packages/server/src/system-random.ts";
import { type NodeProcess, runHoldfast, TestHome } from "./node-process.ts";

const dayMs = 24 * 3_600_000;
/** A clock that stood when the nodes were switched off. */
const threeDaysAgo = { ...systemClock, now: () => Date.now() - 3 * dayMs };

const founderHome = new TestHome();
const workerHome = new TestHome();
let founder: NodeProcess;
let authority: { certificatePem: string; privateKeyPem: string; fingerprint: string };

beforeAll(async () => {
  const home = new ClusterHome(founderHome.path);
  await foundCluster(home, { node: "n1", hosts: ["127.0.0.1"], clock: threeDaysAgo, random });
  const found = home.readAuthority();
  if (!found) throw new Error("there is no authority");
  authority = found;
});

afterAll(async () => {
  await workerHome.remove();
  await founderHome.remove();
});

/** When the certificate that the node shows ends. */
async function shownUntil(node: NodeProcess): Promise<number> {
  const { hostname, port } = new URL(node.url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const end = readCertificate(socket.getPeerX509Certificate()?.toString() ?? "").notAfter;
  socket.destroy();
  return end;
}

async function answer(node: NodeProcess): Promise<string> {
  const env = { HOLDFAST_HOME: founderHome.path, HOLDFAST_URL: node.url };
  const { code, stdout, stderr } = await runHoldfast(["send", "demo/greeter", "hello"], env);
  expect(code, stderr).toBe(0);
  return stdout;
}

test("a store node that was off for days starts, and has young certificates at once", async () => {
  founder = await founderHome.start({ HOLDFAST_TLS: "on", HOLDFAST_NODE: "n1" });
  const home = new ClusterHome(founderHome.path);
  await expect
    .poll(() => readCertificate(home.readIdentity()?.certificates.node ?? "").notAfter)
    .toBeGreaterThan(Date.now());
  await expect.poll(() => shownUntil(founder)).toBeLessThan(Date.now() + 2 * dayMs);
  expect(await shownUntil(founder)).toBeGreaterThan(Date.now() + dayMs / 2);
  expect(await answer(founder)).toContain("Hello");
  // The authority's key stands in the engine now, and there alone.
  expect(home.readAuthority()).toBeUndefined();
});

test("a compute node that was off for days is let in with its keys, without a token", async () => {
  const env = { HOLDFAST_TLS: "on", HOLDFAST_NODE: "worker" };
  const made = await runHoldfast(["token", "create", "--role", "compute"], {
    HOLDFAST_HOME: founderHome.path,
    HOLDFAST_URL: founder.url,
  });
  const first = await workerHome.start({ ...env, HOLDFAST_JOIN: made.stdout.trim() });
  expect(await first.stop()).toBe(0);

  const home = new ClusterHome(workerHome.path);
  const identity = home.readIdentity();
  const cluster = home.readCluster()?.cluster ?? "";
  if (!identity) throw new Error("the worker has no identity");
  const subject = { kind: "node", cluster, node: "worker", hosts: ["127.0.0.1"] } as const;
  const { csrPem } = identity.requests.node;
  const node = await issueCertificate(authority, csrPem, subject, threeDaysAgo);
  home.writeIdentity({ ...identity, certificates: { node } });

  const again = await workerHome.start(env);
  expect(await answer(again)).toContain("Hello");
  expect(await shownUntil(again)).toBeGreaterThan(Date.now());
  expect(await again.stop()).toBe(0);
});
