import type { ImportNote } from "@holdfast/agent";
import { HoldfastError, type Resource } from "@holdfast/core";
import type { Client } from "@holdfast/sdk";
import { nameOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { oneLine } from "../output/printable.ts";
import { printJson, printLine, styled } from "../output/terminal.ts";
import { applyLoaded } from "./apply.ts";

export interface ImportOptions {
  readonly org: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** `holdfast import openclaw DIR`: says what is taken over and what is not, then applies it. */
export async function runImport(
  context: Context,
  folder: string,
  options: ImportOptions,
): Promise<number> {
  const organization = nameOf("Organization", options.org, undefined).name;
  const { importOpenClaw } = await import("@holdfast/agent");
  const { resources, taken, left } = await importOpenClaw(folder, { organization });
  const client = await context.client();
  const complete = await withoutExisting(client, organization, resources);
  if (context.json && options.dryRun) {
    printJson(context.terminal.stdout, { resources: complete, taken, left });
    return 0;
  }
  if (!context.json) {
    printNotes(context, "Taken over", taken);
    printNotes(context, "Not taken over", left);
    printLine(context.terminal.stdout);
  }
  const loaded = { resources: complete, place: named(complete) };
  return applyLoaded(context, client, loaded, options);
}

/** An organization that exists keeps its title and description. */
async function withoutExisting(
  client: Client,
  name: string,
  resources: readonly Resource[],
): Promise<readonly Resource[]> {
  try {
    await client.get({ kind: "Organization", name });
    return resources.filter((resource) => resource.kind !== "Organization");
  } catch (thrown) {
    if (thrown instanceof HoldfastError && thrown.status === 404) return resources;
    throw thrown;
  }
}

/** There is no file with lines here: a fault is told by the resource's name. */
function named(resources: readonly Resource[]) {
  return (details: HoldfastError["details"]): HoldfastError["details"] =>
    details.map((detail) => {
      const [found, index] = /^resources\[(\d+)\]\.?/.exec(detail.path) ?? [];
      const resource = found === undefined ? undefined : resources[Number(index)];
      if (found === undefined || !resource) return detail;
      const field = detail.path.slice(found.length);
      return { ...detail, path: `${resource.kind} ${resource.name} ${field}`.trim() };
    });
}

function printNotes(context: Context, title: string, notes: readonly ImportNote[]): void {
  const { stdout } = context.terminal;
  printLine(stdout, styled(stdout, "bold", `${title}:${notes.length === 0 ? " nothing" : ""}`));
  for (const { subject, path, reason } of notes) {
    const place = path === subject || path === "" ? "" : ` (${path})`;
    printLine(stdout, `  ${oneLine(`${subject}${place}: ${reason}`)}`);
  }
}
