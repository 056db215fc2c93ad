import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSettings } from "../settings.ts";
import { systemClock } from "../system-clock.ts";
import { systemRandom } from "../system-random.ts";
import { placeOf } from "./node-place.ts";
import { openMember } from "./open-member.ts";
import { startTestCluster, type TestCluster } from "./testing/test-cluster.ts";

const host = "127.0.0.1";
let cluster: TestCluster;

beforeEach(async () => {
  cluster = await startTestCluster(systemClock);
});

afterEach(() => cluster.close());

interface Wishes {
  readonly token: string;
  readonly port?: number;
  readonly env?: Record<string, string>;
  readonly role?: "store" | "compute";
  readonly labels?: Record<string, string>;
}

async function join({ token, port = 0, env = {}, role, labels = {} }: Wishes) {
  const settings = { ...readSettings(env, host), labels };
  return openMember({
    home: cluster.newHome(),
    node: "n2",
    place: await placeOf(host, port, settings),
    settings,
    join: { token, ...(role && { role }) },
    clock: systemClock,
    random: systemRandom,
    say: () => undefined,
    report: () => undefined,
    patiently: (step) => step(),
  });
}

test("a port that is taken stops a join before its token is used", async () => {
  const other = createServer().listen(0, host);
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const free = port === 65_535 ? port - 1 : port + 1;
  try {
    const token = await cluster.token();
    await expect(join({ token, port })).rejects.toMatchObject({
      code: "port_taken",
      message: expect.stringContaining("HOLDFAST_PORT"),
    });
    for (const ports of [`${port},${free}`, `${free},${port}`]) {
      const env = { HOLDFAST_ENGINE_PORTS: ports };
      await expect(join({ token, env })).rejects.toMatchObject({
        code: "port_taken",
        message: expect.stringContaining("HOLDFAST_ENGINE_PORTS"),
      });
    }
    expect(await cluster.record("n2")).toBeUndefined();
    const env = { HOLDFAST_ENGINE_PORTS: `${port},${free}` };
    // A compute node has no engine: it gets as far as asking.
    const asked = join({ token, env, role: "compute" });
    await expect(asked).rejects.toMatchObject({ code: "version_mismatch" });
  } finally {
    other.close();
  }
});

test("a member whose certificates have ended asks for new ones until somebody answers", async () => {
  const settings = readSettings({}, host);
  const years = 2 * 365 * 24 * 3_600_000;
  const steps: (() => Promise<unknown>)[] = [];
  const opened = openMember({
    home: cluster.home,
    node: "n1",
    place: await placeOf(host, 0, settings),
    settings,
    join: undefined,
    clock: { ...systemClock, now: () => Date.now() + years },
    random: systemRandom,
    say: () => undefined,
    report: () => undefined,
    patiently(step) {
      steps.push(step);
      return Promise.reject(new Error("stopped"));
    },
  });
  await expect(opened).rejects.toThrow("stopped");
  await expect(steps[0]?.()).rejects.toMatchObject({ retry: "safe" });
});

test("a refusal says which field was wrong", async () => {
  const token = await cluster.token();
  const joining = join({ token, labels: { disk: "x".repeat(201) } });
  await expect(joining).rejects.toMatchObject({
    code: "invalid_request",
    details: [{ path: expect.stringContaining("disk") }],
  });
});
