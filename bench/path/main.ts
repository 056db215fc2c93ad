import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exitOnSignals } from "../lib/child.ts";
import { markdownTable, rounded } from "../lib/figures.ts";
import { type LoadGenerator, startLoadGenerator } from "../lib/load.ts";
import { machine } from "../lib/machine.ts";
import { describeProfile, readProfile, summarizeProfile } from "../lib/profile-summary.ts";
import { type Running, startRestateContender } from "./contenders.ts";
import { measureOnEngines } from "./engine-run.ts";
import { measure, type Measurement, type Row, warmUp } from "./measure.ts";

const usage = `npm run bench:path -- [options]
  --quick              one short run on one engine, without Restate
  --levels 1,64        turns in flight (1,64,256,1024)
  --replicas 1,3       engines (1,3)
  --partitions N       instead of the node's default
  --seconds N          length of a run (5)
  --repetitions N      runs of each (3)
  --only A,B           of product, baseline, in-process, restate
  --profile DIR        profile of the node, written to DIR and summarised; product only`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    levels: { type: "string" },
    replicas: { type: "string" },
    partitions: { type: "string" },
    seconds: { type: "string" },
    repetitions: { type: "string" },
    only: { type: "string" },
    profile: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const numbers = (text: string) => text.split(",").map(Number);
const quick = flags.quick;
const only = flags.only?.split(",");
const isWanted = (name: string) => only?.includes(name) ?? true;
const levels = numbers(flags.levels ?? (quick ? "1,64" : "1,64,256,1024"));
const replicas = numbers(flags.replicas ?? (quick ? "1" : "1,3")) as (1 | 3)[];
const contenders = (flags.profile ? ["product"] : ["product", "baseline", "in-process"]).filter(
  isWanted,
);
const partitions = flags.partitions === undefined ? undefined : Number(flags.partitions);
const runs = {
  repetitions: Number(flags.repetitions ?? (quick || flags.profile ? 1 : 3)),
  warmupMs: quick ? 300 : 1_000,
  runMs: Number(flags.seconds ?? (quick ? 1 : 5)) * 1_000,
};

if (flags.help) console.log(usage);
else await main();

async function main(): Promise<void> {
  exitOnSignals();
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-path-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);
  const load = startLoadGenerator();
  const rows: Row[] = [];
  let version = "";
  try {
    for (const count of replicas) {
      const found = await measureOnEngines({
        folder: join(folder, `R${count}`),
        replicas: count,
        load,
        contenders,
        measurement: { levels, ...runs },
        partitions,
        profileFolder: flags.profile,
      });
      rows.push(...found.rows);
      version = found.version;
    }
    if (!quick && isWanted("restate") && !flags.profile) {
      rows.push(...(await measureRestate(folder, load)));
    }
  } finally {
    await load.stop();
  }
  const columns = [
    "engine",
    "in flight",
    "contender",
    "turns/s",
    "p50 ms",
    "p99 ms",
    "own CPU us",
    "engine CPU us",
    "errors",
  ];
  const cells = rows.map((row) => [
    row.engine,
    row.inFlight,
    row.contender,
    row.turnsPerSecond,
    row.p50Ms,
    row.p99Ms,
    row.cpuMicros,
    row.engineCpuMicros,
    row.errors,
  ]);
  if (flags.profile) {
    console.log(describeProfile(summarizeProfile(readProfile(flags.profile), 0.3, 0.9)));
  }
  console.log(markdownTable(columns, cells));
  console.log(`\n${Math.round((performance.now() - began) / 1_000)} s in all\n`);
  console.log(JSON.stringify(conclusion(rows, version)));
}

async function measureRestate(folder: string, load: LoadGenerator): Promise<Row[]> {
  let running: Running;
  try {
    running = await startRestateContender(join(folder, "restate"), load);
  } catch (thrown) {
    console.error(
      `Baseline (b) is left out: Restate could not be fetched or started. ${String(thrown)}`,
    );
    return [];
  }
  await warmUp(running.contenders);
  const plan: Measurement = { engine: "own", levels, ...runs, enginePids: [] };
  try {
    return await measure(running.contenders, plan);
  } finally {
    await running.stop();
  }
}

function conclusion(rows: readonly Row[], natsServer: string) {
  const level = Math.max(...levels);
  const engine = `R${Math.max(...replicas)}`;
  const at = (contender: string, inFlight: number) =>
    rows.find(
      (row) =>
        row.contender === contender &&
        row.inFlight === inFlight &&
        (row.engine === engine || contender === "restate"),
    );
  const ratio = (value: number | undefined, of: number | undefined) =>
    value !== undefined && of ? rounded(value / of) : null;
  const value = at("product", level)?.turnsPerSecond;
  const baseline = at("baseline", level)?.turnsPerSecond;
  const restate = at("restate", level)?.turnsPerSecond;
  return {
    name: "path",
    value: value ?? null,
    unit: `turns/s, ${engine}, ${level} in flight`,
    baseline: baseline ?? null,
    ratio: ratio(value, baseline),
    restate: restate ?? null,
    ratioToRestate: ratio(value, restate),
    p50RatioAt1: ratio(at("product", 1)?.p50Ms, at("baseline", 1)?.p50Ms),
    partitions: partitions ?? "default",
    ...runs,
    rows,
    machine: machine(natsServer),
  };
}
