import { untilOpen } from "../cluster/admin.ts";
import { monotonicMs } from "../traffic/record.ts";
import { checkOutage } from "../validate/check-outage.ts";
import { percentiles, waitsFrom } from "../validate/figures.ts";
import type { Row } from "./row.ts";
import { withTraffic } from "./with-traffic.ts";

/** How long after a fault waits are counted into its takeover, milliseconds. */
const takeoverWindowMs = 20_000;

export const killCompute: Row = {
  number: 1,
  name: "kill -9 one compute node",
  target: "safe; takeover p99 < 3 s",
  run: (settings) =>
    withTraffic(settings, { onComputes: true }, async (run) => {
      const { cluster, findings } = run;
      const { name } = run.pick(cluster.nodes.filter(({ roles }) => roles.includes("compute")));
      const lost = await run.owned(name);
      const at = run.fault(`kill ${name}`);
      await cluster.kill(name);
      await run.pause(takeoverWindowMs);
      await cluster.node(name).start();
      const { conversations } = await run.finish();
      const hit = [...conversations.values()].filter((each) => run.isIn(each, lost));
      const waits = percentiles(waitsFrom(hit, at, takeoverWindowMs));
      findings
        .note("partitions lost", lost.length)
        .note("conversations hit", waits.count)
        .note("takeover p50", waits.p50)
        .atMost("takeover p99", waits.p99, 3_000);
    }),
};

export const killStore: Row = {
  number: 2,
  name: "kill -9 one store node and its engine",
  target: "safe; writes and turns resume p99 < 8 s",
  run: (settings) =>
    withTraffic(settings, {}, async (run) => {
      const { cluster, findings } = run;
      const { name } = run.pick(cluster.nodes.filter(({ roles }) => roles.includes("store")));
      const at = run.fault(`kill ${name}`);
      await cluster.kill(name);
      await run.pause(takeoverWindowMs);
      await cluster.node(name).start();
      const { conversations } = await run.finish();
      const waits = percentiles(waitsFrom(conversations.values(), at, takeoverWindowMs));
      findings
        .note("killed", name)
        .note("resume p50", waits.p50)
        .atMost("resume p99", waits.p99, 8_000);
    }),
};

export const killAll: Row = {
  number: 3,
  name: "kill -9 all nodes at once, restart",
  target: "safe; all answering < 60 s",
  run: (settings) =>
    withTraffic(settings, {}, async (run) => {
      const { cluster, findings } = run;
      const names = cluster.nodes.map(({ name }) => name);
      const at = run.fault("kill all");
      await cluster.kill(...names);
      await Promise.all(cluster.nodes.map((node) => node.start()));
      await untilOpen(cluster.api("store-1"), names.length, 90_000);
      const settledMs = monotonicMs() - at;
      await run.pause(10_000);
      const { conversations } = await run.finish();
      const waits = percentiles(waitsFrom(conversations.values(), at, 60_000));
      findings
        .note("settled", settledMs)
        .note("answering p50", waits.p50)
        .atMost("answering, the last", waits.max, 60_000);
    }),
};

export const killMany: Row = {
  number: 4,
  name: "kill -9 40% of the nodes at once",
  target: "safe; < 15 s",
  run: (settings) =>
    withTraffic(settings, {}, async (run) => {
      const { cluster, findings } = run;
      const of = (role: string) => cluster.nodes.filter(({ roles }) => roles.includes(role));
      const names = [run.pick(of("store")).name, run.pick(of("compute")).name];
      const at = run.fault(`kill ${names.join(" ")}`);
      await cluster.kill(...names);
      await run.pause(takeoverWindowMs);
      await Promise.all(names.map((name) => cluster.node(name).start()));
      const { conversations } = await run.finish();
      const waits = percentiles(waitsFrom(conversations.values(), at, takeoverWindowMs));
      findings
        .note("killed", names.join(" "))
        .note("resume p50", waits.p50)
        .note("resume p99", waits.p99)
        .atMost("resume, the last", waits.max, 15_000);
    }),
};

/** What the nodes need to notice that the majority is gone. */
const noticeMs = 2_000;

export const loseQuorum: Row = {
  number: 6,
  name: "engine quorum lost for minutes",
  target: "0 false acknowledgements; 503 within 2 s; backlog drains in < 2x the outage",
  run: (settings) =>
    withTraffic(settings, {}, async (run) => {
      const { cluster, findings } = run;
      const stores = cluster.nodes.filter(({ roles }) => roles.includes("store"));
      const kept = run.pick(stores);
      const names = stores.filter((node) => node !== kept).map(({ name }) => name);
      run.fault(`kill ${names.join(" ")}`);
      await cluster.kill(...names);
      const from = monotonicMs();
      await run.pause(settings.longMs);
      const to = run.fault("start them again");
      await Promise.all(names.map((name) => cluster.node(name).start()));
      await untilOpen(cluster.api(kept.name), cluster.nodes.length, settings.longMs * 3);
      const drainedMs = monotonicMs() - to;
      await run.pause(5_000);
      const { conversations } = await run.finish();
      const outage = checkOutage(conversations, { from, to });
      const noticed = checkOutage(conversations, { from: from + noticeMs, to });
      const refusals = percentiles(noticed.refusalMs);
      findings
        .violated(outage.violations)
        .note("outage", to - from)
        .note("refusals", refusals.count)
        .note("refusal p50", refusals.p50)
        .note("refusal p99", refusals.p99)
        .atMost("slowest refusal", refusals.max, 2_000)
        .note("of them unconfirmed", noticed.unconfirmed)
        .atMost("tries without an answer", noticed.unanswered, 0)
        .atMost("backlog drained", drainedMs, 2 * (to - from));
    }),
};
