import { failpoints } from "@holdfast/core";
import { untilOpen } from "../cluster/admin.ts";
import { atFailpoint, endsWithin } from "../faults/failpoints.ts";
import type { Row } from "./row.ts";
import { withTraffic } from "./with-traffic.ts";

/**
 * The places that every turn passes. Those of checkpoints and truncation (12 to 15) need a journal of
 * 64 MiB or minutes of silence: tests/path shows them in virtual time.
 */
const onTheWay = Object.entries(failpoints).filter(
  ([, number]) => number <= failpoints.afterTurnCommit,
);

/** A node that never reaches its failpoint is told apart from one that dies there. */
const reachTimeoutMs = 45_000;

export const failpointRow: Row = {
  number: 13,
  name: "crash at every numbered failpoint of a turn",
  target: "100% of the points; tool effects at most once, or flagged",
  run: (settings) =>
    withTraffic(
      settings,
      { onComputes: true, traffic: { payShare: 0.25, safeShare: 0.25 } },
      async (run) => {
        const { cluster, findings } = run;
        const computes = cluster.nodes.filter(({ roles }) => roles.includes("compute"));
        const missed: string[] = [];
        for (const [name, number] of onTheWay) {
          const node = run.pick(computes);
          const count = 2 + Math.floor(run.random.next() * 6);
          await node.stop();
          run.fault(`${node.name} with failpoint ${number}:${count}`);
          await node.start(atFailpoint(number, count));
          if (!(await endsWithin(node, reachTimeoutMs))) missed.push(name);
          await node.stop();
          await node.start();
          await untilOpen(cluster.api("store-1"), cluster.nodes.length);
        }
        const { flagged } = await run.finish();
        findings
          .note("points", onTheWay.length)
          .note("flagged calls", flagged)
          .note("not reached", missed.join(" ") || "none");
        if (missed.length > 0) findings.misses.push(`never reached: ${missed.join(" ")}`);
      },
    ),
};
