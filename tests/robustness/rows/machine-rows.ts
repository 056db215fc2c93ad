import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nodesOf } from "../cluster/admin.ts";
import { SmallDisk } from "../faults/small-disk.ts";
import { WallClock } from "../faults/wall-clock.ts";
import { monotonicMs } from "../traffic/record.ts";
import { checkOutage } from "../validate/check-outage.ts";
import { checkOwnership } from "../validate/check-ownership.ts";
import { latencies, percentiles, waitsFrom } from "../validate/figures.ts";
import type { Row } from "./row.ts";
import { type Run, withTraffic } from "./with-traffic.ts";

const hourS = 3_600;
/** How long each jump is left standing, milliseconds. */
const standMs = 15_000;

export const clockJumps: Row = {
  number: 10,
  name: "wall clock jumps an hour either way",
  target: "safe; no premature takeover (monotonic time)",
  needs: ["faketime"],
  run: (settings) => {
    mkdirSync(settings.folder, { recursive: true });
    const clocks = new Map<string, WallClock>();
    const clockOf = (name: string) => {
      const clock = clocks.get(name) ?? new WallClock(settings.folder, name);
      clocks.set(name, clock);
      return clock;
    };
    const special = (name: string) => ({ env: clockOf(name).env });
    return withTraffic(settings, { special }, async (run) => {
      const { findings, samples, cluster } = run;
      const of = (role: string) => cluster.nodes.filter(({ roles }) => roles.includes(role));
      const mistaken = new Set<string>();
      const from = monotonicMs();
      for (const node of [run.pick(of("compute")), run.pick(of("store"))]) {
        for (const seconds of [hourS, 0, -hourS, 0]) {
          run.fault(`the clock of ${node.name} is ${seconds} s off`);
          clockOf(node.name).jump(seconds);
          for (const until = monotonicMs() + standMs; monotonicMs() < until; ) {
            for (const name of await heldForDead(run)) mistaken.add(name);
            await run.pause(500);
          }
        }
      }
      const to = monotonicMs();
      const { operations } = await run.finish();
      const within = samples.filter(({ at }) => at >= from && at < to);
      const ownership = checkOwnership(within, { windowMs: 30_000, movesMax: 1_000 });
      findings
        .violated(ownership.violations)
        .atMost("nodes held for dead", mistaken.size, 0)
        .note("moves for balance", ownership.moves)
        .note("p99 meanwhile", percentiles(latencies(operations, { from, to })).p99);
    });
  },
};

/** Nodes that some node does not hear any more. */
async function heldForDead({ cluster }: Run): Promise<string[]> {
  const tellings = await Promise.all(cluster.nodes.map(({ name }) => nodesOf(cluster.api(name))));
  return tellings.flat().flatMap(({ node, presence }) => (presence === "dead" ? [node] : []));
}

const diskMib = 160;
const fullMs = 15_000;

export const diskFull: Row = {
  number: 11,
  name: "disk full at node, at engine",
  target: "no false acknowledgement; recovers < 60 s after space returns",
  needs: ["mount"],
  run: async (settings) => {
    const disks = new Map<string, SmallDisk>();
    const special = (name: string) => {
      if (!disks.has(name)) {
        disks.set(name, new SmallDisk(join(settings.folder, name), diskMib));
      }
      return {};
    };
    try {
      return await withTraffic(settings, { special }, async (run) => {
        const { findings, cluster } = run;
        const of = (role: string) => cluster.nodes.filter(({ roles }) => roles.includes(role));
        const stores = of("store").map(({ name }) => name);
        const cases = [
          { what: "a node", names: [run.pick(of("compute")).name] },
          { what: "an engine", names: [run.pick(of("store")).name] },
          { what: "all engines", names: stores },
        ];
        const ends: { readonly what: string; readonly from: number; readonly at: number }[] = [];
        for (const { what, names } of cases) {
          const from = run.fault(`the disk of ${what} is full: ${names.join(" ")}`);
          for (const name of names) disks.get(name)?.fill();
          await run.pause(fullMs);
          for (const name of names) disks.get(name)?.free();
          ends.push({ what, from, at: run.fault("there is space again") });
          await run.pause(30_000);
        }
        const { conversations } = await run.finish();
        for (const { what, from, at } of ends) {
          const refusals = percentiles(checkOutage(conversations, { from, to: at }).refusalMs);
          const waits = percentiles(waitsFrom(conversations.values(), at, 60_000));
          findings
            .note(`${what}: refusals`, refusals.count)
            .atMost(`${what}: recovers, the last`, waits.max, 60_000);
        }
      });
    } finally {
      for (const disk of disks.values()) disk.remove();
    }
  },
};
