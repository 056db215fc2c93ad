/**
 * Everything that CI checks, stage by stage, then one closing line: `N passed, N failed`.
 * A failing stage does not stop the later ones. At the end no process may be left.
 *
 *   npm test                     all stages
 *   npm test -- types lint       only the stages of these names
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awaitNoProcesses, endProcesses, runMarker } from "./processes.ts";
import { type Stage, stages } from "./stages.ts";
import { failedOnce, type Tally, tallyVitest } from "./vitest-report.ts";

/** For all stages together; CI may give less. */
const budgetMs = Number(process.env["HOLDFAST_TEST_BUDGET_SECONDS"] ?? 19 * 60) * 1_000;
/** What a stage's processes get to end by themselves, and again after SIGTERM. */
const graceMs = 5_000;

const folder = join(import.meta.dirname, "..");
const run = randomUUID();
const startedAt = Date.now();
const reports = mkdtempSync(join(tmpdir(), "holdfast-test-"));
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => interrupted.abort(signal));

const names = process.argv.slice(2);
const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
if (unknown.length > 0 || !(budgetMs > 0)) {
  console.error(`Unknown: ${unknown.join(", ")}. Stages: ${stages.map((s) => s.name).join(", ")}`);
  process.exit(2);
}

const rows: { name: string; tally: Tally; seconds: string; remedy: string }[] = [];
const chosen = stages.filter((stage) => names.length === 0 || names.includes(stage.name));
for (const stage of chosen) {
  console.log(`\n── ${stage.name}: ${shown(stage)}`);
  const before = Date.now();
  const tally = await runStage(stage);
  const seconds = ((Date.now() - before) / 1_000).toFixed(1);
  rows.push({ name: stage.name, tally, seconds, remedy: stage.remedy });
}
rmSync(reports, { recursive: true, force: true });
const passed = rows.reduce((sum, row) => sum + row.tally.passed, 0);
const failed = rows.reduce((sum, row) => sum + row.tally.failed, 0);
printSummary();
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
console.log(`\n${passed} passed, ${failed} failed`);

/** Runs it and counts; whatever it left running is a failure of its own and is ended. */
async function runStage(stage: Stage): Promise<Tally> {
  const timeoutMs = Math.min(stage.timeoutMs, startedAt + budgetMs - Date.now());
  if (interrupted.signal.aborted) return failedOnce(`not run: ${interrupted.signal.reason}`);
  if (timeoutMs <= 0) return failedOnce(`not run: the ${budgetMs / 1_000} s for all are used up`);
  const reportFile = join(reports, `${stage.name.replaceAll(" ", "-")}.json`);
  const outcome = await runCommand(stage, reportFile, timeoutMs);
  const tally =
    typeof outcome === "string" ? failedOnce(outcome) : count(stage, reportFile, outcome);
  const left = await awaitNoProcesses(run, process.pid, graceMs);
  if (left.length === 0) return tally;
  await endProcesses(run, process.pid, graceMs);
  const lines = left.map(({ pid, command }) => `left running and ended: ${pid} ${command}`);
  return {
    passed: tally.passed,
    failed: tally.failed + 1,
    failures: [...tally.failures, ...lines],
  };
}

/** The exit code, or why there is none. */
async function runCommand(
  stage: Stage,
  reportFile: string,
  timeoutMs: number,
): Promise<number | string> {
  const [program, ...words] = stage.command;
  const report = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const child = spawn(program, stage.kind === "vitest" ? [...words, ...report] : words, {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      [runMarker]: run,
      PATH: `${join(folder, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
    },
  });
  const ended = Promise.withResolvers<number | string>();
  child.on("error", (error) => ended.resolve(`cannot start: ${error.message}`));
  child.on("close", (code, signal) => ended.resolve(code ?? `ended by ${signal}`));
  const cut = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => cut.resolve(`took longer than ${Math.round(timeoutMs / 1_000)} s`),
    timeoutMs,
  );
  const stop = () => cut.resolve(`stopped by ${interrupted.signal.reason}`);
  interrupted.signal.addEventListener("abort", stop);
  const reason = await Promise.race([ended.promise, cut.promise]);
  clearTimeout(timer);
  interrupted.signal.removeEventListener("abort", stop);
  // Ended here, so that they do not count as left behind as well.
  if (child.exitCode === null && child.signalCode === null)
    await endProcesses(run, process.pid, graceMs);
  return reason;
}

function count(stage: Stage, reportFile: string, exitCode: number): Tally {
  if (stage.kind === "vitest") return tallyVitest(reportFile, exitCode, folder);
  return exitCode === 0 ? { passed: 1, failed: 0, failures: [] } : failedOnce(`code ${exitCode}`);
}

function shown(stage: Stage): string {
  return stage.command.map((word) => (word === process.execPath ? "node" : word)).join(" ");
}

function printSummary(): void {
  console.log("\n── summary");
  for (const { name, tally, seconds, remedy } of rows) {
    const mark = tally.failed === 0 ? "ok  " : "FAIL";
    const counts = `${tally.passed} passed, ${tally.failed} failed`;
    console.log(`${mark} ${name.padEnd(18)}${counts.padEnd(26)}${seconds.padStart(7)} s`);
    for (const failure of tally.failures) console.log(`       ${failure}`);
    if (tally.failed > 0) console.log(`       see: ${remedy}`);
  }
}
