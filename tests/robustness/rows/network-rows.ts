import { nodesOf, partitionsOf, until } from "../cluster/admin.ts";
import { TestHosts } from "../faults/namespaces.ts";
import { TcpProxy } from "../faults/tcp-proxy.ts";
import { monotonicMs } from "../traffic/record.ts";
import { checkOwnership } from "../validate/check-ownership.ts";
import { latencies, percentiles, throughput } from "../validate/figures.ts";
import type { Row, RowSettings } from "./row.ts";
import { type Run, type RunOptions, withTraffic } from "./with-traffic.ts";

const stores = ["store-1", "store-2", "store-3"];
const computes = ["compute-1", "compute-2"];
/** The hosts of a row with a network: the load, the stub and the checker run on `client`. */
export const networkHosts = ["client", ...stores, ...computes];
const engineClientPort = 7_422;

/** Names the namespaces that run-faults.ts made and runs this process in. */
export const hostsVariable = "HOLDFAST_TEST_HOSTS";

function withHosts(
  settings: RowSettings,
  options: RunOptions,
  body: (run: Run, hosts: TestHosts) => Promise<void>,
  prepare: (hosts: TestHosts) => Promise<() => Promise<void>> = async () => async () => {},
) {
  const hosts = TestHosts.of(process.env[hostsVariable] ?? "", networkHosts);
  const special = (name: string) => ({
    wrap: hosts.wrap(name),
    env: { HOLDFAST_HOST: hosts.address(name) },
  });
  return prepare(hosts).then(async (stop) => {
    try {
      const network = { special, stubHost: hosts.address("client") };
      return await withTraffic(settings, { ...options, ...network }, (run) => body(run, hosts));
    } finally {
      await stop();
    }
  });
}

const cutMs = 15_000;
const flapMs = 3_000;

export const cutNode: Row = {
  number: 8,
  name: "cut a node from the engine; one-way cut; flapping every 3 s",
  target: "safe; one accepted owner per epoch; at most one move per partition per 30 s",
  needs: ["namespaces"],
  run: (settings) =>
    withHosts(settings, { onComputes: true }, async (run, hosts) => {
      const { cluster, findings } = run;
      const name = run.pick(computes);
      const others = [...stores, ...computes].filter((each) => each !== name);
      const api = cluster.api("store-1");
      const isBack = () =>
        until(`${name} is back`, 60_000, async () => {
          const seen = (await nodesOf(api)).find(({ node }) => node === name);
          const closed = (await partitionsOf(api)).filter(({ isOpen }) => !isOpen);
          return seen?.presence === "alive" && closed.length === 0;
        });
      for (const ways of [["in", "out"], ["in"], ["out"]] as const) {
        run.fault(`${name} is cut: ${ways.join(" and ")}`);
        hosts.cut(name, others, ways);
        await run.pause(cutMs);
        run.fault("healed");
        hosts.heal(name);
        await isBack();
        await run.pause(5_000);
      }
      // Behind the last cut the time of the moves begins anew.
      await run.pause(30_000);
      const from = monotonicMs();
      while (monotonicMs() - from < settings.longMs) {
        run.fault(`${name} is cut`);
        hosts.cut(name, others, ["in", "out"]);
        await run.pause(flapMs);
        run.fault("healed");
        hosts.heal(name);
        await run.pause(flapMs);
      }
      const to = monotonicMs();
      await isBack();
      const { operations } = await run.finish();
      const all = checkOwnership(run.samples, { windowMs: 30_000, movesMax: 1_000 });
      const flapping = run.samples.filter(({ at }) => at >= from && at < to);
      const moves = checkOwnership(flapping, { windowMs: 30_000, movesMax: 1 });
      findings
        .violated([...all.violations, ...moves.violations])
        .note("moves in all", all.moves)
        .note("moves while flapping", moves.moves)
        .atMost("most moves of a partition in 30 s", moves.mostMoves, 1)
        .note("p99 while flapping", percentiles(latencies(operations, { from, to })).p99);
    }),
};

/** A proxy on the client's host for each engine, and every compute node sent through them. */
async function badLines(hosts: TestHosts, settings: RowSettings) {
  const { createSeededRandom } = await import("@holdfast/testkit");
  const random = createSeededRandom(settings.seed ^ 0x9e37);
  const host = hosts.address("client");
  const proxies = await Promise.all(
    stores.map((store) => {
      const upstream = { host: hosts.address(store), port: engineClientPort };
      return TcpProxy.start({ host, upstream, random });
    }),
  );
  const rules = stores.map((store, place) => ({
    from: `${hosts.address(store)}:${engineClientPort}`,
    to: `${host}:${proxies[place]?.port}`,
  }));
  for (const compute of computes) hosts.divert(compute, rules);
  return proxies;
}

const badMs = 40_000;
const delayMs = 200;

export const badLine: Row = {
  number: 9,
  name: "200 ms delay, 5% of the connections reset each second",
  target: "safe; throughput at least 50%",
  needs: ["namespaces"],
  run: (settings) => {
    let proxies: TcpProxy[] = [];
    return withHosts(
      settings,
      { onComputes: true, warmUpMs: badMs / 2 },
      async (run) => {
        const { findings } = run;
        const from = run.fault(`${delayMs} ms there and back, 5% reset a second`);
        for (const proxy of proxies)
          Object.assign(proxy, { delayMs: delayMs / 2, resetShare: 0.05 });
        await run.pause(badMs);
        const to = run.fault("the lines are good again");
        for (const proxy of proxies) Object.assign(proxy, { delayMs: 0, resetShare: 0 });
        await run.pause(5_000);
        const { operations } = await run.finish();
        const before = throughput(operations, { from: run.loadFrom, to: run.calmUntil });
        const during = throughput(operations, { from, to });
        findings
          .note(
            "resets",
            proxies.reduce((sum, { resets }) => sum + resets, 0),
          )
          .note("answers/s before", before)
          .note("answers/s during", during)
          .atLeast("share of the throughput", during / before, 0.5)
          .note("p99 meanwhile", percentiles(latencies(operations, { from, to })).p99);
      },
      async (hosts) => {
        proxies = await badLines(hosts, settings);
        return async () => void (await Promise.all(proxies.map((proxy) => proxy.close())));
      },
    );
  },
};

export const lostAnswers: Row = {
  number: 12,
  name: "append succeeded, acknowledgement lost",
  target: "exactly one entry, also past the engine's dedupe window",
  needs: ["namespaces"],
  run: (settings) => {
    let proxies: TcpProxy[] = [];
    return withHosts(
      settings,
      { onComputes: true },
      async (run) => {
        const { findings } = run;
        const from = monotonicMs();
        let times = 0;
        while (monotonicMs() - from < badMs) {
          run.fault("answers of the engine are lost");
          await Promise.all(proxies.map((proxy) => proxy.loseAnswers(300)));
          times += 1;
          await run.pause(2_000 + run.random.next() * 2_000);
        }
        const { operations } = await run.finish();
        findings
          .note("times", times)
          .note(
            "p99 meanwhile",
            percentiles(latencies(operations, { from, to: monotonicMs() })).p99,
          );
      },
      async (hosts) => {
        proxies = await badLines(hosts, settings);
        return async () => void (await Promise.all(proxies.map((proxy) => proxy.close())));
      },
    );
  },
};
