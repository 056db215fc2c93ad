import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownedBy, partitionsOf, until, untilOpen } from "./cluster/admin.ts";
import { killQuietly } from "./cluster/cluster-node.ts";
import { drain } from "./rows/owner-rows.ts";
import type { RowResult } from "./rows/row.ts";
import { removeFolder, withTraffic } from "./rows/with-traffic.ts";
import { percentiles, waitsFrom } from "./validate/figures.ts";

/**
 * The short set of the fault tests: one cluster of three nodes, one load, one fault after the other, one
 * check at the end. All rows, longer and on more nodes: `npm run test:faults`.
 */
const seed = Number(process.env["HOLDFAST_TEST_SEED"] ?? 1);
const folder = mkdtempSync(join(tmpdir(), "holdfast-faults-"));
let result: RowResult;

beforeAll(async () => {
  const settings = { seed, conversations: 60, ratePerSecond: 20, longMs: 10_000, folder };
  const shape = { stores: 3, computes: 0, partitions: 6, warmUpMs: 3_000 };
  result = await withTraffic(settings, shape, async (run) => {
    const { cluster, findings } = run;
    const [drained, stopped, killed] = shuffled(cluster.nodes, () => run.random.next());
    if (!drained || !stopped || !killed) throw new Error("There are not three nodes.");
    const isWhole = () => untilOpen(cluster.api(drained.name), 3);

    await drain(run, drained.name);
    const path = `/api/v1/nodes/${drained.name}/activate`;
    await cluster.api(drained.name).must("POST", path);
    await isWhole();

    run.fault(`stop ${stopped.name}`);
    killQuietly(stopped.pid, "SIGSTOP");
    await until("others own its partitions", 20_000, async () => {
      const left = ownedBy(await partitionsOf(cluster.api(drained.name)), stopped.name);
      return left.length === 0 || left.join(" ");
    });
    killQuietly(stopped.pid, "SIGCONT");
    await isWhole();

    const at = run.fault(`kill ${killed.name} and its engine`);
    await cluster.kill(killed.name);
    await run.pause(8_000);
    await killed.start();
    await isWhole();

    const { conversations } = await run.finish();
    const resumed = percentiles(waitsFrom(conversations.values(), at, 10_000));
    // The engine's own election takes 4 to 9 s. How close to it we come is for bench:failover and row 2 to say, on a
    // machine that does nothing else; here the cluster must not be stuck.
    findings.note("resumed p50", resumed.p50).atMost("resumed p99", resumed.p99, 20_000);
  });
  // Shown also when all is well: a run can be compared with others.
  console.log(`seed ${seed}:`, result.figures);
}, 110_000);

afterAll(() => removeFolder(folder));

function shuffled<Item>(items: readonly Item[], next: () => number): Item[] {
  return items
    .map((item) => ({ item, at: next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

test("under a drain, a stopped owner and kills nothing acknowledged is lost, doubled or reordered", () => {
  expect(result.violations, `seed ${seed}`).toEqual([]);
  expect(Number(result.figures["acknowledged"])).toBeGreaterThan(100);
});

test("and every bound of time is kept", () => {
  expect(result.misses, `seed ${seed}`).toEqual([]);
});
