import { nodesOf, ownedBy, partitionsOf, until, untilOpen } from "../cluster/admin.ts";
import { killQuietly } from "../cluster/cluster-node.ts";
import type { OperationRecord } from "../model/operations.ts";
import { monotonicMs } from "../traffic/record.ts";
import { checkOwnership } from "../validate/check-ownership.ts";
import { latencies, percentiles, type Window } from "../validate/figures.ts";
import type { Row } from "./row.ts";
import { type Run, withTraffic } from "./with-traffic.ts";

/** A node that is drained has this long to give everything away. */
const drainTimeoutMs = 60_000;

/** Drains a node by another one's API; resolves when it owns nothing. */
export async function drain(run: Run, name: string): Promise<Window> {
  const from = run.fault(`drain ${name}`);
  const api = run.cluster.store(name);
  await api.must("POST", `/api/v1/nodes/${name}/drain`, { timeoutMs: drainTimeoutMs });
  await until(`${name} is empty`, drainTimeoutMs, async () => {
    const partitions = await partitionsOf(api);
    const left = ownedBy(partitions, name);
    const closed = partitions.filter(({ isOpen }) => !isOpen);
    return (left.length === 0 && closed.length === 0) || `owns ${left.join(" ")}`;
  });
  return { from, to: monotonicMs() };
}

/**
 * What a conversation noticed of the moves: how much longer than usual its slowest answer took, of those
 * under way in one of the windows.
 */
function pausesIn(
  conversations: Iterable<readonly OperationRecord[]>,
  windows: readonly Window[],
  usualMs: number,
): number[] {
  const pauses: number[] = [];
  for (const operations of conversations) {
    const slow = operations.flatMap(({ sentAt, answers }) => {
      const end = answers[0]?.at;
      const isHit = windows.some(({ from, to }) => sentAt < to && (end ?? from) >= from);
      return isHit && end !== undefined ? [end - sentAt - usualMs] : [];
    });
    if (slow.length > 0) pauses.push(Math.max(0, ...slow));
  }
  return pauses;
}

export const rollingRestart: Row = {
  number: 5,
  name: "drain, rolling restart",
  target: "safe; 0 failed turns; pause per conversation p99 < 200 ms",
  run: (settings) =>
    withTraffic(settings, {}, async (run) => {
      const { cluster, findings } = run;
      const drains: Window[] = [];
      for (const node of cluster.nodes) {
        drains.push(await drain(run, node.name));
        run.fault(`restart ${node.name}`);
        await node.stop();
        await node.start();
        const api = cluster.api(node.name);
        await untilOpen(api, cluster.nodes.length);
        await cluster.store().must("POST", `/api/v1/nodes/${node.name}/activate`);
        await run.pause(3_000);
      }
      const { conversations, operations } = await run.finish();
      const calm = percentiles(latencies(operations, { from: run.loadFrom, to: run.calmUntil }));
      const calmPauses = percentiles(
        pausesIn(conversations.values(), [{ from: run.loadFrom, to: run.calmUntil }], calm.p50),
      );
      const pauses = percentiles(pausesIn(conversations.values(), drains, calm.p50));
      const failed = operations.flatMap(({ refusals }) => refusals).filter(isFailure);
      findings
        .note("drains, the longest", Math.max(...drains.map(({ from, to }) => to - from)))
        .atMost("failed turns", failed.length, 0)
        .note("calm pause p99", calmPauses.p99)
        .note("pause p50", pauses.p50)
        .atMost("pause p99", pauses.p99, 200);
    }),
};

/** Not: a connection that was refused because the process is being restarted. */
function isFailure({ status, code }: { readonly status: number; readonly code: string }): boolean {
  return status !== 0 && code !== "not_ready";
}

/** An owner that is silent this long has lost its partitions, milliseconds. */
const pastDeadlineMs = 6_000;

export const stopOwner: Row = {
  number: 7,
  name: "SIGSTOP the owner past its deadline, SIGCONT",
  target: "100% of its writes rejected; 0 double replies",
  run: (settings) =>
    withTraffic(settings, { onComputes: true }, async (run) => {
      const { cluster, findings } = run;
      const computes = cluster.nodes.filter(({ roles }) => roles.includes("compute"));
      const node = run.pick(computes);
      const other = cluster.store();
      const owned = await run.owned(node.name);
      for (let round = 0; round < 3; round += 1) {
        run.fault(`stop ${node.name}`);
        killQuietly(node.pid, "SIGSTOP");
        await run.pause(pastDeadlineMs);
        await until("others own its partitions", 20_000, async () => {
          const left = ownedBy(await partitionsOf(other), node.name);
          return left.length === 0 || left.join(" ");
        });
        run.fault(`continue ${node.name}`);
        killQuietly(node.pid, "SIGCONT");
        await until(`${node.name} is back`, 30_000, async () => {
          const seen = (await nodesOf(other)).find((each) => each.node === node.name);
          return seen?.presence === "alive" || String(seen?.presence);
        });
        await run.pause(3_000);
      }
      const { operations } = await run.finish();
      const ownership = checkOwnership(run.samples, { windowMs: 30_000, movesMax: 1_000 });
      findings
        .violated(ownership.violations)
        .note("owned when stopped", owned.length)
        .note("moves", ownership.moves)
        .note("unknown tries", operations.flatMap(({ unknowns }) => unknowns).length);
    }),
};
