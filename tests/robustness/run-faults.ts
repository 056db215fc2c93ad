/**
 * The fault tests on real processes: `npm run test:faults -- [flags]`.
 *
 *   --rows 1,2,8         only these; all of them by default
 *   --seed N             repeats a run; from the clock by default, and printed
 *   --conversations N    500 by default
 *   --rate N             messages a second that all of them aim at, 40 by default
 *   --long-seconds N     how long faults of "minutes" last, 60 by default
 *   --keep               keeps the records, logs and homes of passed rows too
 *   --table FILE         writes the results as a table
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { awaitNoProcesses, endProcesses, runMarker } from "../../scripts/processes.ts";
import { canMakeHosts, TestHosts } from "./faults/namespaces.ts";
import { canFakeTime } from "./faults/wall-clock.ts";
import { isPassed, markdownTable, type RowReport, rowText } from "./report/report.ts";
import { rows } from "./rows/index.ts";
import { hostsVariable, networkHosts } from "./rows/network-rows.ts";
import type { Row, RowResult, RowSettings } from "./rows/row.ts";
import { removeFolder } from "./rows/with-traffic.ts";

const rowTimeoutMs = 15 * 60_000;
const graceMs = 5_000;
const run = randomUUID();
// The row's process is killed then; what it started and made is ended and removed all the same.
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => interrupted.abort());
}

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    conversations: { type: "string", default: "500" },
    rate: { type: "string", default: "40" },
    "long-seconds": { type: "string", default: "60" },
    keep: { type: "boolean", default: false },
    table: { type: "string" },
  },
});
const wanted = flags.rows?.split(",").map(Number);
const chosen = rows.filter(({ number }) => wanted?.includes(number) ?? true);
if (chosen.length === 0)
  throw new Error(`--rows names none of ${rows.map((row) => row.number).join(",")}`);
console.log(`seed ${flags.seed}; rows ${chosen.map(({ number }) => number).join(",")}`);

const base = mkdtempSync(join(tmpdir(), "holdfast-faults-"));
const reports: RowReport[] = [];
for (const row of chosen) {
  if (interrupted.signal.aborted) break;
  const report = await runRow(row);
  reports.push(report);
  console.log(rowText(report));
  const folder = join(base, `row-${row.number}`);
  if (isPassed(report) && !flags.keep) removeFolder(folder);
  else if (report.skipped === undefined) console.log(`     kept: ${folder}`);
}
if (reports.every(isPassed) && !flags.keep) removeFolder(base);
if (flags.table !== undefined) writeFileSync(flags.table, `${markdownTable(reports)}\n`);
const passed = reports.filter(isPassed).length;
console.log(
  `\n${passed} passed, ${reports.length - passed} failed or not run (seed ${flags.seed})`,
);
process.exitCode = passed === reports.length ? 0 : 1;

async function runRow(row: Row): Promise<RowReport> {
  const settings: RowSettings = {
    seed: Number(flags.seed),
    conversations: Number(flags.conversations),
    ratePerSecond: Number(flags.rate),
    longMs: Number(flags["long-seconds"]) * 1_000,
    folder: join(base, `row-${row.number}`),
  };
  const { seed, conversations, ratePerSecond } = settings;
  const command = `npm run test:faults -- --rows ${row.number} --seed ${seed} --conversations ${conversations} --rate ${ratePerSecond}`;
  const begun = performance.now();
  const told = { row, seed, command };
  const skipped = reasonToSkip(row);
  if (skipped !== undefined) {
    return { ...told, seconds: 0, figures: {}, misses: [], violations: [], skipped };
  }
  const result = await inProcess(row, settings);
  return { ...told, ...result, seconds: Math.round((performance.now() - begun) / 1_000) };
}

function reasonToSkip({ needs = [] }: Row): string | undefined {
  if (needs.includes("namespaces") && !canMakeHosts()) return "needs root, ip and nft";
  if (needs.includes("faketime") && !canFakeTime()) return "needs Debian's package faketime";
  if (needs.includes("mount") && process.getuid?.() !== 0) return "needs root to mount";
  return undefined;
}

/** Whatever happens to the row's process, its children and its hosts are ended and removed. */
async function inProcess(row: Row, settings: RowSettings): Promise<RowResult> {
  const { folder } = settings;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "settings.json");
  writeFileSync(file, JSON.stringify(settings));
  const prefix = `h${process.pid % 10_000}`;
  const needsHosts = row.needs?.includes("namespaces") === true;
  const hosts = needsHosts ? TestHosts.make(prefix, networkHosts) : undefined;
  try {
    const entry = fileURLToPath(new URL("./rows/run-row.ts", import.meta.url));
    const [program, ...words] = [
      ...(hosts?.wrap("client") ?? []),
      process.execPath,
      entry,
      String(row.number),
      file,
    ];
    const child = spawn(program, words, {
      env: { ...process.env, [runMarker]: run, ...(hosts && { [hostsVariable]: prefix }) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const end = () => child.kill("SIGKILL");
    const timer = setTimeout(end, rowTimeoutMs);
    interrupted.signal.addEventListener("abort", end);
    const code = await new Promise<number | string | null>((resolve) =>
      child.once("exit", (code, signal) => resolve(signal ?? code)),
    );
    clearTimeout(timer);
    interrupted.signal.removeEventListener("abort", end);
    const left = await awaitNoProcesses(run, process.pid, graceMs);
    await endProcesses(run, process.pid, graceMs);
    if (code !== 0) return failed(`its process ended with ${code}`);
    const result = JSON.parse(readFileSync(join(folder, "result.json"), "utf8")) as RowResult;
    const forgotten = left.map(({ command }) => `left running: ${command}`);
    return { ...result, misses: [...result.misses, ...forgotten] };
  } finally {
    hosts?.remove();
  }
}

function failed(why: string): RowResult {
  return { figures: {}, misses: [why], violations: [] };
}
