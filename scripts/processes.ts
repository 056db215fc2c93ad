/** Finds and ends what a test run left behind, by reading /proc. Elsewhere than on Linux it finds nothing. */
import { readdirSync, readFileSync } from "node:fs";

/** The environment variable whose value names the run; children inherit it, orphans keep it. */
export const runMarker = "HOLDFAST_TEST_RUN";

export interface LeftProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * Every living process below `rootPid`, and every one whose environment carries this run's marker
 * wherever its parent went. `rootPid` itself and zombies are left out.
 */
export function findLeftProcesses(run: string, rootPid: number): LeftProcess[] {
  const table = readProcesses();
  return table.filter(
    (row) => row.pid !== rootPid && (isBelow(row.pid, rootPid, table) || isMarked(row.pid, run)),
  );
}

/** Waits up to `graceMs` for them to end by themselves; gives those that did not. */
export async function awaitNoProcesses(
  run: string,
  rootPid: number,
  graceMs: number,
): Promise<LeftProcess[]> {
  const deadline = Date.now() + graceMs;
  for (;;) {
    const left = findLeftProcesses(run, rootPid);
    if (left.length === 0 || Date.now() >= deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Ends them by pid: SIGTERM, then SIGKILL to whatever is still there after `graceMs`. */
export async function endProcesses(run: string, rootPid: number, graceMs: number): Promise<void> {
  for (const { pid } of findLeftProcesses(run, rootPid)) signal(pid, "SIGTERM");
  const stubborn = await awaitNoProcesses(run, rootPid, graceMs);
  for (const { pid } of stubborn) signal(pid, "SIGKILL");
  await awaitNoProcesses(run, rootPid, graceMs);
}

const pollMs = 50;

interface ProcessRow extends LeftProcess {
  readonly parent: number;
}

function readProcesses(): ProcessRow[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
}

function readProcess(pid: number): ProcessRow | undefined {
  const stat = readText(pid, "stat");
  // The name in parentheses may itself hold spaces and parentheses: fields count from the last one.
  const [state, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  if (state === undefined || state === "Z" || state === "X") return undefined;
  const words = readText(pid, "cmdline")?.split("\0").join(" ").trim();
  return { pid, parent: Number(parent), command: words || `[${stat?.split(" ")[1]}]` };
}

function isBelow(pid: number, rootPid: number, table: readonly ProcessRow[]): boolean {
  const parents = new Map(table.map((row) => [row.pid, row.parent]));
  const seen = new Set<number>();
  for (let at = parents.get(pid); at !== undefined && !seen.has(at); at = parents.get(at)) {
    if (at === rootPid) return true;
    seen.add(at);
  }
  return false;
}

function isMarked(pid: number, run: string): boolean {
  return readText(pid, "environ")?.split("\0").includes(`${runMarker}=${run}`) === true;
}

/** A process may end, or belong to somebody else, between listing and reading. */
function readText(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (isOneOf(error, ["ENOENT", "ESRCH", "EACCES", "EPERM"])) return undefined;
    throw error;
  }
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isOneOf(error, ["ESRCH"])) throw error;
  }
}

function isOneOf(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
