import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exitOnSignals } from "../lib/child.ts";
import { markdownTable, median, rounded } from "../lib/figures.ts";
import { startLoadGenerator } from "../lib/load.ts";
import { machine } from "../lib/machine.ts";
import { measureOnEngines } from "./engine-run.ts";
import type { Row } from "./measure.ts";

/**
 * Which partition count and how many appends in flight are best on this machine (ADR 0003). Every setting
 * gets new engines; the passes go over all settings again and again, so that a slow while hits all of them.
 */
const { values: flags } = parseArgs({
  options: {
    partitions: { type: "string", default: "1,2,4,8,16" },
    appends: { type: "string", default: "8" },
    levels: { type: "string", default: "64,256,1024" },
    replicas: { type: "string", default: "3" },
    contenders: { type: "string", default: "product,in-process" },
    passes: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
  },
});
const numbers = (text: string) => text.split(",").map(Number);

interface Setting {
  readonly partitions: number;
  readonly appendsInFlight: number;
}

exitOnSignals();
const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-sweep-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const settings = numbers(flags.partitions).flatMap((partitions) =>
  numbers(flags.appends).map((appendsInFlight): Setting => ({ partitions, appendsInFlight })),
);
const found = new Map<Setting, Row[]>(settings.map((setting) => [setting, []]));
const load = startLoadGenerator();
let version = "";
for (let pass = 0; pass < Number(flags.passes); pass += 1) {
  for (const [index, setting] of settings.entries()) {
    console.error(`pass ${pass + 1}: ${JSON.stringify(setting)}`);
    const run = await measureOnEngines({
      ...setting,
      folder: join(folder, `${pass}-${index}`),
      replicas: Number(flags.replicas) as 1 | 3,
      load,
      contenders: flags.contenders.split(","),
      measurement: {
        levels: numbers(flags.levels),
        repetitions: 1,
        warmupMs: 1_000,
        runMs: Number(flags.seconds) * 1_000,
      },
    });
    version = run.version;
    found.get(setting)?.push(...run.rows);
  }
}
await load.stop();

const rows = [...found].flatMap(([setting, measured]) =>
  flags.contenders.split(",").flatMap((contender) =>
    numbers(flags.levels).map((inFlight) => {
      const runs = measured.filter(
        (row) => row.contender === contender && row.inFlight === inFlight,
      );
      const middle = (read: (row: Row) => number) => rounded(median(runs.map(read)));
      return {
        ...setting,
        contender,
        inFlight,
        turnsPerSecond: middle((row) => row.turnsPerSecond),
        p50Ms: middle((row) => row.p50Ms),
        p99Ms: middle((row) => row.p99Ms),
        cpuMicros: middle((row) => row.cpuMicros),
        engineCpuMicros: middle((row) => row.engineCpuMicros),
        errors: runs.reduce((sum, row) => sum + row.errors, 0),
      };
    }),
  ),
);
const columns = [
  "partitions",
  "appends",
  "contender",
  "in flight",
  "turns/s",
  "p50 ms",
  "p99 ms",
  "own CPU us",
  "engine CPU us",
  "errors",
];
console.log(
  markdownTable(
    columns,
    rows.map((row) => Object.values(row)),
  ),
);
console.log(JSON.stringify({ name: "path-sweep", rows, machine: machine(version) }));
