import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { awaitNoProcesses, endProcesses, findLeftProcesses, runMarker } from "./processes.ts";

const forever = "setInterval(() => {}, 60_000); console.log(process.pid)";

/** No process has this id: only the mark counts. */
const noProcess = -1;

/** Starts a shell that starts a process, says its pid and ends: an orphan is left. */
async function leaveOrphan(run: string, code = forever): Promise<number> {
  onTestFinished(() => endProcesses(run, noProcess, 1_000));
  const shell = spawn("sh", ["-c", '"$0" -e "$1" &', process.execPath, code], {
    env: { ...process.env, [runMarker]: run },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(shell.stdout, "data")) as [Buffer];
  return Number(line.toString());
}

test("an orphan is found by the mark in its environment, named and ended", async () => {
  const run = randomUUID();
  const pid = await leaveOrphan(run);
  const left = await awaitNoProcesses(run, noProcess, 0);
  expect(left).toMatchObject([{ pid, command: expect.stringContaining("setInterval") }]);
  await endProcesses(run, noProcess, 5_000);
  expect(findLeftProcesses(run, noProcess)).toEqual([]);
});

test("a process that ignores SIGTERM is ended all the same", async () => {
  const run = randomUUID();
  await leaveOrphan(run, `process.on("SIGTERM", () => {}); ${forever}`);
  await endProcesses(run, noProcess, 300);
  expect(findLeftProcesses(run, noProcess)).toEqual([]);
});

test("a descendant is found without a mark, another run's process is not", async () => {
  const child = spawn(process.execPath, ["-e", forever], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  await once(child.stdout, "data");
  const found = findLeftProcesses(randomUUID(), process.pid).map(({ pid }) => pid);
  expect(found).toContain(child.pid);
  expect(found).not.toContain(process.pid);
  expect(findLeftProcesses(randomUUID(), noProcess)).toEqual([]);
});
