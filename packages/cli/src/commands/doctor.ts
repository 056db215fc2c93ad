import { HoldfastError } from "@holdfast/core";
import type { Context } from "../context.ts";
import { oneLine } from "../output/printable.ts";
import { printJson, printLine, type Stream, styled } from "../output/terminal.ts";
import { type DoctorCheck, loadServer } from "../server-module.ts";
import { homeFolder, hostOf, listenPortOf } from "../settings.ts";

interface Verdict extends DoctorCheck {
  /** Neither good nor bad, such as a node that is not running. */
  readonly skipped?: boolean;
}

/** `holdfast doctor`: what this machine needs, and how its node is. Exit code 1 when a check fails. */
export async function runDoctorCommand(context: Context, load = loadServer): Promise<number> {
  const { terminal } = context;
  const { env, stdout } = terminal;
  const server = await load();
  const node = await nodeChecks(context);
  const machine = await server.runDoctor({
    home: homeFolder(env),
    host: hostOf(env),
    port: listenPortOf(env),
    env,
    isEngineExternal: node.some(({ name }) => name === "node: external engine"),
  });
  const checks: readonly Verdict[] = [...machine, ...node];
  const failed = checks.filter((check) => !check.ok && !check.skipped);
  if (context.json) {
    printJson(stdout, { ok: failed.length === 0, checks });
    return failed.length === 0 ? 0 : 1;
  }
  const width = Math.max(...checks.map((check) => check.name.length));
  for (const check of checks) printCheck(stdout, check, width);
  const count = failed.length === 1 ? "One check fails." : `${failed.length} checks fail.`;
  printLine(stdout);
  printLine(stdout, failed.length === 0 ? "All is well." : count);
  return failed.length === 0 ? 0 : 1;
}

/** What the running node says of itself. */
async function nodeChecks(context: Context): Promise<Verdict[]> {
  const url = context.url();
  const remedy = "See the node's log.";
  try {
    const { ready, checks } = await (await context.anonymousClient()).readiness();
    const detail = `${url} ${ready ? "processes messages" : "runs, but does not process messages"}`;
    const own = checks.map((check) => ({
      ...check,
      name: `node: ${check.name}`,
      ...(check.ok ? {} : { remedy }),
    }));
    return [{ name: "node", ok: ready, detail, ...(ready ? {} : { remedy }) }, ...own];
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError)) throw thrown;
    const start = "Start one with `holdfast up`.";
    const name = "node";
    if (thrown.code !== "node_unreachable") {
      return [{ name, ok: false, detail: thrown.message, remedy }];
    }
    return [{ name, ok: false, skipped: true, detail: `none answers at ${url}`, remedy: start }];
  }
}

function printCheck(stdout: Stream, check: Verdict, width: number): void {
  const [mark, style] = check.ok
    ? (["ok  ", "green"] as const)
    : check.skipped
      ? (["-   ", "dim"] as const)
      : (["FAIL", "red"] as const);
  const name = check.name.padEnd(width);
  printLine(stdout, `${styled(stdout, style, mark)}  ${name}  ${oneLine(check.detail)}`);
  if (!check.ok && check.remedy !== undefined) {
    printLine(stdout, `      ${" ".repeat(width)}  ${oneLine(check.remedy)}`);
  }
}
