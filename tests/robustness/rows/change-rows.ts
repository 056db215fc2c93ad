import { join } from "node:path";
import { until, untilOpen } from "../cluster/admin.ts";
import { copyVersion } from "../faults/version-copy.ts";
import { monotonicMs } from "../traffic/record.ts";
import { latencies, percentiles } from "../validate/figures.ts";
import { drain } from "./owner-rows.ts";
import type { Row } from "./row.ts";
import { withTraffic } from "./with-traffic.ts";

const nextVersion = "0.1.1";
/** The engine notices the crash; then each stream gets another replica, one after the other. */
const replacementMs = 240_000;

export const twoVersions: Row = {
  number: 17,
  name: "version N beside N+1; rollback",
  target: "safe; old journals replay 100%",
  run: (settings) => {
    const newer = copyVersion(join(settings.folder, "newer"), nextVersion);
    return withTraffic(settings, {}, async (run) => {
      const { cluster, findings } = run;
      const { repository } = cluster.nodes[0]?.launch ?? {};
      const from = monotonicMs();
      const kept = run.pick(cluster.nodes);
      const restart = async (name: string, folder: string | undefined) => {
        await drain(run, name);
        const node = cluster.node(name);
        await node.stop();
        node.repository = folder;
        await node.start();
        const api = cluster.api(name);
        await untilOpen(api, cluster.nodes.length);
        await cluster.store().must("POST", `/api/v1/nodes/${name}/activate`);
        await run.pause(3_000);
      };
      // All but one become new, then all go back: each pair of versions meets, in both directions.
      const changed = cluster.nodes.filter((node) => node !== kept).map(({ name }) => name);
      for (const name of changed) {
        run.fault(`${name} becomes ${nextVersion}`);
        await restart(name, newer);
      }
      await run.pause(5_000);
      for (const name of changed) {
        run.fault(`${name} goes back`);
        await restart(name, repository);
      }
      const to = monotonicMs();
      const { operations } = await run.finish();
      findings.note("p99 meanwhile", percentiles(latencies(operations, { from, to })).p99);
    });
  },
};

export const replaceStore: Row = {
  number: 18,
  name: "replace a store node under load, one at a time, health-gated",
  target: "safe",
  run: (settings) =>
    withTraffic(settings, {}, async (run) => {
      const { cluster, findings } = run;
      const from = monotonicMs();
      const old = cluster.nodes.filter(({ roles }) => roles.includes("store")).slice(1);
      for (const [place, node] of old.entries()) {
        run.fault(`${node.name} dies for good`);
        await cluster.kill(node.name);
        cluster.forget(node.name);
        const name = `store-${place + 4}`;
        run.fault(`${name} takes its place`);
        await cluster.join(name, "store");
        const api = cluster.api("store-1");
        await until("the replacement begins", 60_000, async () => {
          const path = `/api/v1/nodes/${node.name}/replace`;
          const { status, body } = await api.call("POST", path, { body: {} });
          return status === 202 || JSON.stringify(body);
        });
        await until("the data is replaced", replacementMs, async () => {
          const { operation } = await api.must("GET", "/api/v1/operation");
          return operation?.phase === "done" || JSON.stringify(operation);
        });
        await untilOpen(api, cluster.nodes.length, 120_000);
        await run.pause(5_000);
      }
      const to = monotonicMs();
      const { operations } = await run.finish();
      findings
        .note("replaced", old.length)
        .note("p99 meanwhile", percentiles(latencies(operations, { from, to })).p99);
    }),
};
