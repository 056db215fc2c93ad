import type { HoldfastError } from "@holdfast/core";
import { readCertificate } from "@holdfast/security";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock.ts";
import { NodeIdentity } from "./identity.ts";
import { textsOf } from "./found-cluster.ts";
import { issueIdentity } from "./issue-identity.ts";
import { Renewal, type RenewalOptions } from "./renewal.ts";
import { startTestCluster, type TestCluster } from "./testing/test-cluster.ts";

const hour = 3_600_000;

let cluster: TestCluster;
let clock: ReturnType<typeof createMovableClock>;
let said: string[];
let reports: HoldfastError[];
let applied: string[];
let renewal: Renewal | undefined;

/** The machine's clock, whose wall time a test moves; timers run when the test says so. */
function createMovableClock() {
  let aheadMs = 0;
  const timers = new Set<() => void>();
  return {
    ...systemClock,
    now: () => Date.now() + aheadMs,
    /** Only the long timers wait for the test. */
    schedule(delayMs: number, run: () => void) {
      if (delayMs < 25_000) return systemClock.schedule(Math.min(delayMs, 5), run);
      timers.add(run);
      return () => void timers.delete(run);
    },
    move(ms: number) {
      aheadMs += ms;
    },
    look() {
      const due = [...timers];
      timers.clear();
      for (const run of due) run();
    },
  };
}

beforeEach(async () => {
  clock = createMovableClock();
  cluster = await startTestCluster(clock);
  said = [];
  reports = [];
  applied = [];
});

afterEach(async () => {
  await renewal?.close();
  await cluster.close();
});

function serial(identity: NodeIdentity): string {
  return readCertificate(identity.clientCredentials.cert).serial;
}

function start(identity: NodeIdentity, changes: Partial<RenewalOptions> = {}): Renewal {
  renewal = new Renewal({
    identity,
    issue: () =>
      issueIdentity(cluster.authority, {
        cluster: cluster.cluster,
        node: "n1",
        role: "store",
        hosts: ["127.0.0.1"],
        requests: textsOf(identity.requests),
      }),
    apply: async (applying) => void applied.push(serial(applying)),
    hosts: ["127.0.0.1"],
    clock,
    random: { next: () => 0.5, token: () => "x" },
    say: (text) => said.push(text),
    report: (error) => reports.push(error),
    ...changes,
  });
  renewal.start();
  return renewal;
}

const polling = { timeout: 5_000, interval: 5 };

test("certificates are renewed at half of their life, on disk and in use, with the same keys", async () => {
  const { identity } = cluster;
  const first = serial(identity);
  start(identity);
  clock.move(11 * hour);
  clock.look();
  expect(applied).toEqual([]);
  clock.move(hour);
  clock.look();
  await expect.poll(() => applied, polling).toHaveLength(1);
  expect(serial(identity)).not.toBe(first);
  expect(serial(NodeIdentity.load(cluster.home, clock))).toBe(serial(identity));
  expect(said).toEqual(["the node's certificates were renewed: half of their life was over"]);
  clock.look();
  clock.look();
  expect(applied).toHaveLength(1);
});

test("after all nodes were off for long, a store node starts with its reserve and renews at once", async () => {
  clock.move(20 * 24 * hour);
  const identity = NodeIdentity.load(cluster.home, clock);
  expect(identity.isCurrent).toBe(false);
  expect(identity.isUsable).toBe(true);
  for (const { cert } of [identity.storeCredentials.engine, identity.storeCredentials.operator]) {
    expect(readCertificate(cert).notAfter).toBeGreaterThan(clock.now() + 300 * 24 * hour);
  }
  start(identity);
  await expect.poll(() => applied, polling).toHaveLength(1);
  expect(identity.isCurrent).toBe(true);
  expect(readCertificate(identity.storeCredentials.engine.cert).notAfter).toBeLessThan(
    clock.now() + 25 * hour,
  );
});

test("a clock that jumps back before the certificates' begin makes new ones", async () => {
  clock.move(-5 * hour);
  start(cluster.identity);
  await expect.poll(() => applied, polling).toHaveLength(1);
  expect(cluster.identity.isCurrent).toBe(true);
});

test("IPv6 hosts and names in capitals are recognised in the certificates", async () => {
  const { identity } = cluster;
  const hosts = ["127.0.0.1", "::1", "2001:DB8::7", "Node1.Example.Com"];
  const issue = () =>
    issueIdentity(cluster.authority, {
      cluster: cluster.cluster,
      node: "n1",
      role: "store",
      hosts,
      requests: textsOf(identity.requests),
    });
  start(identity, { hosts, issue });
  await expect.poll(() => applied, polling).toHaveLength(1);
  expect(said).toEqual(["the node's certificates were renewed: they did not name ::1"]);
  clock.look();
  await renewal?.close();
  expect(applied).toHaveLength(1);
});

describe("when the authority's key changes", () => {
  test("new trust is used at once, and new certificates as soon as the new key signs", async () => {
    const { identity, authority } = cluster;
    const running = start(identity);
    const first = serial(identity);
    running.follow(await authority.begin());
    await expect.poll(() => applied, polling).toEqual([first]);
    expect(identity.bundle).toHaveLength(2);
    running.follow(await authority.sign());
    await expect.poll(() => serial(identity), polling).not.toBe(first);
    expect(identity.authorityFingerprint).toBe((await authority.state()).active);
    running.follow(await authority.retire());
    await expect.poll(() => identity.bundle, polling).toHaveLength(1);
    await expect.poll(() => applied.length, polling).toBeGreaterThanOrEqual(3);
  });
});

describe("trouble", () => {
  test("of the disk does not lose whom to trust: it is written at the next look", async () => {
    const { identity, authority } = cluster;
    const running = start(identity);
    const trust = identity.trust.bind(identity);
    let failures = 5;
    identity.trust = (...words) => {
      failures -= 1;
      if (failures >= 0) throw new Error("no space");
      return trust(...words);
    };
    running.follow(await authority.begin());
    await expect.poll(() => reports, polling).toHaveLength(1);
    expect(identity.bundle).toHaveLength(1);
    clock.look();
    await expect.poll(() => identity.bundle, polling).toHaveLength(2);
    await expect.poll(() => applied, polling).toHaveLength(1);
  });

  test("of the authority is tried again a bounded number of times, then reported, then at the next look", async () => {
    let tries = 0;
    const failing = async (): Promise<never> => {
      tries += 1;
      throw new Error("away");
    };
    clock.move(13 * hour);
    start(cluster.identity, { issue: failing });
    await expect.poll(() => reports, polling).toHaveLength(1);
    expect(tries).toBe(5);
    clock.look();
    await expect.poll(() => reports, polling).toHaveLength(2);
    expect(tries).toBe(10);
  });

  test("of those who use them is tried again without another issue", async () => {
    let calls = 0;
    clock.move(13 * hour);
    start(cluster.identity, {
      apply: async (identity) => {
        calls += 1;
        if (calls < 3) throw new Error("busy");
        applied.push(serial(identity));
      },
    });
    await expect.poll(() => applied, polling).toHaveLength(1);
    expect(calls).toBe(3);
    expect(said).toHaveLength(1);
  });
});
