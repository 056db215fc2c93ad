import {
  HoldfastError,
  type Resource,
  type ResourceKind,
  resourceKinds,
  resourceTitle,
} from "@holdfast/core";
import { kindOf, type Named, nameOf } from "../addresses.ts";
import type { Context } from "../context.ts";
import { loadResources } from "../files/load-resources.ts";
import { readSources } from "../files/read-sources.ts";
import { confirmed } from "../output/ask.ts";
import { isInteractive, printJson, printLine } from "../output/terminal.ts";

export interface DeleteOptions {
  readonly filename?: readonly string[];
  readonly org?: string;
  readonly yes?: boolean;
}

interface Target extends Named {
  readonly kind: ResourceKind;
  readonly title: string;
}

/** `holdfast delete KIND NAME` and `holdfast delete -f FILE`. */
export async function runDelete(
  context: Context,
  word: string | undefined,
  name: string | undefined,
  options: DeleteOptions,
): Promise<number> {
  const { terminal, json } = context;
  const fromFiles = options.filename !== undefined && options.filename.length > 0;
  if (fromFiles === (word !== undefined) || (word !== undefined && name === undefined)) {
    throw new HoldfastError("usage", "Give either KIND and NAME, or -f FILE.");
  }
  const targets = fromFiles
    ? await declaredTargets(context, options.filename)
    : [namedTarget(word ?? "", name ?? "", options.org)];
  const titles = targets.map((target) => target.title).join(", ");
  if (!options.yes && !json && isInteractive(terminal)) {
    if (!(await confirmed(terminal, `Delete ${titles}?`))) return 1;
  }
  const client = await context.client();
  const outcomes: object[] = [];
  for (const { title, ...address } of targets) {
    const absent = await client.delete(address).then(
      () => false,
      (thrown: unknown) => {
        // What a file names need not be there: then it is already as it shall be.
        if (fromFiles && thrown instanceof HoldfastError && thrown.status === 404) return true;
        throw thrown;
      },
    );
    outcomes.push({ ...address, change: absent ? "absent" : "deleted" });
    if (!json) printLine(terminal.stdout, `${title} ${absent ? "is not there" : "deleted"}`);
  }
  if (json) printJson(terminal.stdout, outcomes);
  return 0;
}

/** The last first: nothing may be deleted while it is referred to. */
async function declaredTargets(
  context: Context,
  files: readonly string[],
): Promise<readonly Target[]> {
  const { resources } = loadResources(await readSources(files, context.terminal.stdin));
  return resourceKinds
    .toReversed()
    .flatMap((kind) => resources.filter((item) => item.kind === kind).map(targetOf));
}

function targetOf(resource: Resource): Target {
  const { kind, name } = resource;
  const owner = resource.kind === "Organization" ? {} : { organization: resource.organization };
  return { kind, name, ...owner, title: resourceTitle(resource) };
}

function namedTarget(word: string, name: string, organization: string | undefined): Target {
  const kind = kindOf(word);
  if (kind === "node")
    throw new HoldfastError("usage", `Use \`holdfast remove ${name}\` for this.`);
  if (kind === "partition") {
    throw new HoldfastError("usage", "The number of partitions is fixed: none is ever deleted.");
  }
  if (kind === "delivery" || kind === "failed-delivery") {
    throw new HoldfastError("usage", "Use `holdfast deliveries discard` for this.");
  }
  if (kind === "dead-letter" || kind === "token") {
    const command = kind === "token" ? "tokens revoke" : "dead-letters discard";
    throw new HoldfastError("usage", `Use \`holdfast ${command} ${name}\` for this.`);
  }
  const named = nameOf(kind, name, organization);
  const prefix = named.organization === undefined ? "" : `${named.organization}/`;
  return { kind, ...named, title: `${kind} ${prefix}${named.name}` };
}
