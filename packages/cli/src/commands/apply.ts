import { type AppliedResource, HoldfastError, type Resource } from "@holdfast/core";
import type { Client } from "@holdfast/sdk";
import type { Context } from "../context.ts";
import { loadChecked, type LoadedResources } from "../files/load-resources.ts";
import { readSources } from "../files/read-sources.ts";
import { confirmed } from "../output/ask.ts";
import { printable } from "../output/printable.ts";
import { appliedTitle, resourceDiff } from "../output/resource-diff.ts";
import { isInteractive, printJson, printLine, styled, type Terminal } from "../output/terminal.ts";

export interface ApplyOptions {
  readonly filename: readonly string[];
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** `holdfast apply`: shows what would change, asks a person, and does it; all or nothing. */
export async function runApply(context: Context, options: ApplyOptions): Promise<number> {
  const loaded = await loadFor(context, options.filename);
  return applyLoaded(context, await context.client(), loaded, options);
}

/** `holdfast diff`: what an apply would change. */
export async function runDiff(
  context: Context,
  options: { readonly filename: readonly string[]; readonly exitCode?: boolean },
): Promise<number> {
  const loaded = await loadFor(context, options.filename);
  const results = await placedApply(await context.client(), loaded, true);
  if (context.json) printJson(context.terminal.stdout, results);
  else printChanges(context.terminal, results, loaded.resources);
  return options.exitCode && results.some(changes) ? 1 : 0;
}

/** Every fault at once: those that the files show and those that only the node can find. */
async function loadFor(context: Context, filename: readonly string[]): Promise<LoadedResources> {
  const sources = await readSources(filename, context.terminal.stdin);
  return loadChecked(sources, async (values) => {
    try {
      const client = await context.client();
      await client.apply(values as readonly Resource[], { dryRun: true });
      return [];
    } catch (thrown) {
      // Without a node the files' own faults are told all the same.
      if (thrown instanceof HoldfastError) return thrown.details;
      throw thrown;
    }
  });
}

export async function applyLoaded(
  context: Context,
  client: Client,
  loaded: LoadedResources,
  options: Omit<ApplyOptions, "filename">,
): Promise<number> {
  const { terminal, json } = context;
  const asks = !options.yes && !options.dryRun && !json && isInteractive(terminal);
  const planned = await placedApply(client, loaded, true);
  if (!json) printChanges(terminal, planned, loaded.resources);
  const count = planned.filter(changes).length;
  if (options.dryRun || count === 0) {
    if (json) printJson(terminal.stdout, planned);
    else if (options.dryRun) printLine(terminal.stdout, "Nothing was applied: this was a dry run.");
    return 0;
  }
  const things = count === 1 ? "this change" : `these ${count} changes`;
  if (asks && !(await confirmed(terminal, `Apply ${things}?`))) {
    printLine(terminal.stdout, "Nothing was applied.");
    return 1;
  }
  const results = await placedApply(client, loaded, false);
  if (json) printJson(terminal.stdout, results);
  else printLine(terminal.stdout, summary(results));
  return 0;
}

async function placedApply(
  client: Client,
  loaded: LoadedResources,
  dryRun: boolean,
): Promise<readonly AppliedResource[]> {
  try {
    return await client.apply(loaded.resources, { dryRun });
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError)) throw thrown;
    const details = loaded.place(thrown.details);
    throw new HoldfastError(thrown.code, thrown.message, {
      details,
      cause: thrown,
      ...(thrown.retryAfterMs === undefined ? {} : { retryAfterMs: thrown.retryAfterMs }),
    });
  }
}

function printChanges(
  { stdout }: Terminal,
  results: readonly AppliedResource[],
  resources: readonly Resource[],
): void {
  const colors = { "+": "green", "-": "red" } as const;
  results.forEach((applied, index) => {
    printLine(stdout, `${styled(stdout, "bold", appliedTitle(applied))} ${applied.change}`);
    for (const { sign, text } of resourceDiff(applied, resources[index])) {
      const line = `  ${sign} ${printable(text)}`;
      printLine(stdout, sign === " " ? line : styled(stdout, colors[sign], line));
    }
  });
}

function summary(results: readonly AppliedResource[]): string {
  const count = (change: AppliedResource["change"]) =>
    `${results.filter((result) => result.change === change).length} ${change}`;
  return `Applied: ${count("created")}, ${count("changed")}, ${count("unchanged")}.`;
}

function changes(result: AppliedResource): boolean {
  return result.change !== "unchanged";
}
