import { delay, type FailpointName, failpoints, type HoldfastError } from "@holdfast/core";
import { createSeededRandom, createVirtualClock, type VirtualClock } from "@holdfast/testkit";
import { Aftermath } from "./aftermath.ts";
import { Chaos } from "./chaos.ts";
import { Clients } from "./clients.ts";
import { Cluster } from "./cluster.ts";
import { conversationsOf } from "./end-checks.ts";
import { Histories } from "./histories.ts";
import { JournalChecker } from "./journal-checker.ts";
import { MoveChecker } from "./move-checker.ts";
import { Receipts } from "./receipts.ts";
import { Reports } from "./reports.ts";
import { createRunRecord, type RunRecord } from "./run-record.ts";
import type { ScriptWorld } from "./scripted-agents.ts";
import { withSmallLimits } from "./small-limits.ts";
import { SimPlatform } from "./sim-platform.ts";
import { Watch } from "./watch.ts";
import { Weather } from "./weather.ts";

const stormMs = 15_000;
const clientCount = 5;
const failpointNames = Object.keys(failpoints) as FailpointName[];

/** One run from a seed: the same seed gives the same run, line by line. */
export function simulate(seed: number): Promise<RunRecord> {
  return withSmallLimits(async () => {
    const clock = createVirtualClock();
    const record = createRunRecord(clock);
    const onUnhandled = (reason: unknown) => {
      record.violate(`a promise was rejected unhandled: ${shown(reason)}`);
    };
    process.on("unhandledRejection", onUnhandled);
    try {
      await clock.runUntil(play(seed, clock, record));
    } catch (thrown) {
      record.violate(`the run ended: ${shown(thrown)}`);
    } finally {
      process.off("unhandledRejection", onUnhandled);
    }
    return record;
  });
}

async function play(seed: number, clock: VirtualClock, record: RunRecord): Promise<void> {
  const random = (stream: number) => createSeededRandom(seed * 16 + stream);
  const draw = random(0);
  const partitions = 2 + Math.floor(draw.next() * 4);
  const journal = new JournalChecker(record);
  const script: ScriptWorld = {
    clock,
    record,
    random: random(1),
    journal,
    partitions,
    modelIsAway: false,
    isCalm: false,
    poisonIsHealed: false,
    flaky: new Map(),
    effects: new Map(),
  };
  // Every fourth run has no faults of single operations, to see what the great ones do alone.
  const harshness = seed % 4 === 0 ? 0 : draw.next();
  const weather = new Weather({ random: random(2), record, harshness });
  const reports = new Reports(record);
  const platform = new SimPlatform({ clock, record, random: random(8), weather });
  const cluster = new Cluster({
    clock,
    record,
    script,
    weather,
    partitions,
    platform,
    random: random(3),
    deaths: seed % 3,
    weakPoint: failpointNames[Math.floor(seed / 3) % failpointNames.length] ?? "beforeInboxAppend",
    onReport: (node, error: HoldfastError, where) => reports.take(node, error, where),
  });
  await cluster.provision();
  const moves = new MoveChecker(record, clock, cluster);
  moves.attach(cluster.store);
  journal.attach(cluster.store, partitions, moves.nodeOf);

  const computes = 1 + Math.floor(draw.next() * 2);
  const stores = 2 + Math.floor(draw.next() * 2);
  record.note(
    `seed ${seed}: ${stores} store and ${computes} compute nodes, ${partitions} partitions`,
  );
  const members = Array.from({ length: stores + computes }, (_, number) =>
    cluster.join(number < stores ? "store" : "compute"),
  );
  const [first, ...others] = members;
  if (first) await cluster.start(first);
  const started = others.map((member) => cluster.start(member));

  let isOver = false;
  const over = () => isOver;
  const clients = new Clients({ clock, record, cluster, random: random(4) });
  const histories = new Histories(record);
  const watch = new Watch({ clock, record, cluster });
  const chaos = new Chaos({
    clock,
    record,
    cluster,
    weather,
    script,
    random: random(5),
    isOver: over,
  });
  const receipts = new Receipts({ clock, record, cluster, platform, random: random(9) });
  const actors = [
    ...Array.from({ length: clientCount }, () => clients.run(over)),
    receipts.run(over),
    chaos.run(),
    watch.run(over),
    readHistories(),
  ];
  await delay(clock, stormMs);
  isOver = true;
  weather.isCalm = true;
  script.isCalm = true;
  await Promise.all([...actors, ...started]);
  const aftermath = new Aftermath({
    clock,
    record,
    cluster,
    clients,
    histories,
    journal,
    reports,
    script,
    platform,
    random: random(6),
    partitions,
    isPatient: seed % 10 === 0,
  });
  await aftermath.play();

  async function readHistories(): Promise<void> {
    const readers = random(7);
    while (!isOver) {
      await delay(clock, Math.floor(readers.next() * 600));
      const { serving } = cluster;
      const node = serving[Math.floor(readers.next() * serving.length)];
      const refs = conversationsOf(clients.operations);
      const ref = refs[Math.floor(readers.next() * refs.length)];
      if (!node || !ref) continue;
      // A node that stands still keeps its reader waiting; others need not wait, too.
      void histories.read(node, ref).catch((error: unknown) => {
        record.note(`a reader was refused: ${String(error)}`);
      });
    }
  }
}

function shown(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
