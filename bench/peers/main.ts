/**
 * The same conversations on Holdfast and on what else one could run, in one run. Settings, and what differs
 * between the contenders: docs/benchmarks.md.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { findNatsServer } from "@holdfast/engine";
import { exitOnSignals } from "../lib/child.ts";
import { markdownTable, rounded } from "../lib/figures.ts";
import { machine } from "../lib/machine.ts";
import type { Contender } from "./contender.ts";
import { contenders, labelOf } from "./contenders.ts";
import { type Measured, measureContender } from "./measure-contender.ts";
import { startPeerLoad } from "./peer-load.ts";
import { killRow, levelRows, type LevelRow, type Outcome } from "./peers-table.ts";
import { type PeersSettings, readSettings, usage } from "./settings.ts";
import { startStub } from "./stub.ts";

const settings = readSettings(process.argv.slice(2));
if (settings) await main(settings);
else console.log(usage);

async function main(settings: PeersSettings): Promise<void> {
  exitOnSignals();
  const wanted = contenders.filter((each) => settings.only?.includes(labelOf(each)) ?? true);
  const unknown = settings.only?.filter((name) => !wanted.some((each) => labelOf(each) === name));
  if (unknown?.length) throw new Error(`there is no contender ${unknown.join(", ")}\n${usage}`);
  report(settings, await measureAll(settings, wanted), (await findNatsServer(process.env)).version);
}

/** Every pass gives each contender one turn, so that what slows the machine for a while slows all of them. */
async function measureAll(
  settings: PeersSettings,
  wanted: readonly Contender[],
): Promise<Outcome[]> {
  const root = mkdtempSync(join(tmpdir(), "holdfast-bench-peers-"));
  process.once("exit", () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  const found = wanted.map((contender) => ({
    contender,
    measured: [] as Measured[],
    failures: [] as string[],
  }));
  const load = startPeerLoad();
  const stub = await startStub();
  try {
    for (let pass = 0; pass < settings.passes; pass += 1) {
      for (const [index, { contender, measured, failures }] of found.entries()) {
        console.error(`pass ${pass + 1} of ${settings.passes}: ${labelOf(contender)}`);
        const folder = join(root, `${pass}-${index}`);
        try {
          const turn = await measureContender(contender, { settings, stub, load, folder });
          measured.push(turn);
          if (turn.killProblem !== undefined) throw new Error(turn.killProblem);
        } catch (thrown) {
          failures.push(thrown instanceof Error ? thrown.message : String(thrown));
          console.error(`  FAILED: ${failures.at(-1)}`);
        }
      }
    }
  } finally {
    await Promise.all([load.stop(), stub.stop()]);
  }
  return found;
}

function report(settings: PeersSettings, outcomes: readonly Outcome[], natsServer: string): void {
  const levels = outcomes.flatMap(levelRows);
  const kills = outcomes.flatMap((each) => killRow(each) ?? []);
  const shown = (value: number | null) => value ?? "-";
  console.log(
    markdownTable(
      ["contender", "conversations", "turns/s", "p50 ms", "p99 ms", "request KB", "errors"],
      levels.map((row) => [
        row.contender,
        row.conversations,
        row.turnsPerSecond,
        row.p50Ms,
        row.p99Ms,
        row.requestKilobytes,
        row.errors,
      ]),
    ),
  );
  console.log(`\nkill -9 of: ${settings.kill === "all" ? "all its processes" : "what serves"}\n`);
  console.log(
    markdownTable(
      [
        "contender",
        "start s",
        "memory MB",
        "first reply s",
        "in all conversations s",
        "all done s",
        "accepted",
        "lost",
        "ran twice",
        "history: lost",
        "doubled",
        "out of order",
      ],
      kills.map((row) => [
        row.contender,
        row.startSeconds,
        row.residentMegabytes,
        shown(row.firstReplySeconds),
        shown(row.lastReplySeconds),
        shown(row.allDoneSeconds),
        row.accepted,
        row.lost,
        row.ranTwice,
        shown(row.historyLost),
        shown(row.historyDoubled),
        shown(row.historyReordered),
      ]),
    ),
  );
  console.log();
  for (const { contender, measured, failures } of outcomes) {
    const { version = "" } = measured[0] ?? {};
    console.log(`${labelOf(contender)}: ${contender.settings}${version && ` [${version}]`}`);
    for (const failure of failures) console.log(`  FAILED: ${failure}`);
  }
  console.log();
  const table = outcomes.map((outcome) => ({
    contender: labelOf(outcome.contender),
    settings: outcome.contender.settings,
    version: outcome.measured[0]?.version ?? null,
    levels: levelRows(outcome).map(({ contender: _, ...row }) => row),
    ...killRow(outcome),
    failures: outcome.failures,
  }));
  console.log(JSON.stringify({ ...conclusion(settings, levels), table, ...facts(natsServer) }));
  const isClean = ({
    contender,
    lost,
    historyLost,
    historyDoubled,
    historyReordered,
  }: (typeof kills)[number]) =>
    !contender.startsWith("holdfast") ||
    lost + (historyLost ?? 0) + (historyDoubled ?? 0) + (historyReordered ?? 0) === 0;
  const isWhole = outcomes.every(({ failures }) => failures.length === 0) && kills.every(isClean);
  if (!isWhole) process.exitCode = 1;
}

/** Holdfast on one node against the fastest other system, or against no system when there is none. */
function conclusion(settings: PeersSettings, levels: readonly LevelRow[]) {
  const most = Math.max(...settings.levels.handler);
  const at = levels.filter(({ conversations }) => conversations === most);
  const own = at.find(({ contender }) => contender === "holdfast");
  const peers = at.filter(({ contender }) => /^(restate|bullmq)/.test(contender));
  const others = peers.length > 0 ? peers : at.filter(({ contender }) => contender === "stub");
  const best = others.toSorted((a, b) => b.turnsPerSecond - a.turnsPerSecond)[0];
  return {
    name: "peers",
    value: own?.turnsPerSecond ?? null,
    unit: `turns/s, one node, ${most} conversations`,
    baseline: best?.turnsPerSecond ?? null,
    baselineContender: best?.contender ?? null,
    ratio: own && best?.turnsPerSecond ? rounded(own.turnsPerSecond / best.turnsPerSecond) : null,
    settings,
  };
}

function facts(natsServer: string) {
  // Above the number of cores, other work of the machine stands in the figures.
  const loadAverage = loadavg().map((value) => Math.round(value * 10) / 10);
  return { machine: machine(natsServer), loadAverage };
}
