import { HoldfastError } from "@holdfast/core";
import type { Client, PartitionStatus } from "@holdfast/sdk";
import { counted, follow, listed, type Look, timeoutOf } from "../cluster/follow.ts";
import type { Context } from "../context.ts";
import { printJson, printLine } from "../output/terminal.ts";

export interface DrainOptions {
  readonly wait?: boolean;
  readonly timeout?: string;
}

/** `holdfast drain NODE`: exit code 1 when its partitions have not moved in time. */
export async function runDrain(
  context: Context,
  node: string,
  options: DrainOptions,
): Promise<number> {
  const { terminal, json } = context;
  const timeoutMs = timeoutOf(options.timeout);
  const client = await context.client();
  const before = await ownedBy(client, node);
  await client.drainNode(node);
  if (!options.wait) {
    if (json) printJson(terminal.stdout, { node, state: "draining", partitions: before });
    else printLine(terminal.stdout, begun(node, before.length));
    return 0;
  }
  const toMove = new Set(before);
  const where = await follow({ terminal, timeoutMs }, () => lookAt(client, node, toMove));
  if (where === undefined) {
    const left = await ownedBy(client, node);
    const problem = `${node} still has ${counted(left.length, "partition")}. They go on moving; ask again with --wait.`;
    if (json) printJson(terminal.stdout, { node, state: "draining", partitions: left });
    printLine(terminal.stderr, problem);
    return 1;
  }
  if (json) printJson(terminal.stdout, { node, state: "drained", partitions: [], movedTo: where });
  else printLine(terminal.stdout, drained(node, where));
  return 0;
}

/** `holdfast activate NODE`. */
export async function runActivate(context: Context, node: string): Promise<number> {
  const { terminal, json } = context;
  await (await context.client()).activateNode(node);
  if (json) printJson(terminal.stdout, { node, state: "active" });
  else printLine(terminal.stdout, `${node} gets partitions again.`);
  return 0;
}

/** Done when each partition that the node had is open elsewhere. Errors: `last_node` after `activate`. */
async function lookAt(
  client: Client,
  node: string,
  toMove: Set<number>,
): Promise<Look<readonly string[]>> {
  const { state, presence } = await client.node(node);
  if (state !== "draining") {
    const problem = `Node ${node} was made active again by somebody else.`;
    throw new HoldfastError("revision_conflict", problem);
  }
  const all = await client.partitions();
  // One that was on its way to the node when the drain began counts too.
  for (const { owner, partition } of all) if (owner === node) toMove.add(partition);
  const moving = all.filter(({ partition }) => toMove.has(partition));
  const away = moving.filter((each) => isElsewhere(each, node));
  const silent = presence === "alive" ? "" : ` (the node is ${presence})`;
  const text = `${away.length} of ${moving.length} partitions moved away${silent}`;
  if (away.length < moving.length) return { text };
  const owners = away.map(({ owner }) => owner as string);
  return { text, done: [...new Set(owners)].toSorted() };
}

function isElsewhere({ owner, isOpen }: PartitionStatus, node: string): boolean {
  return owner !== undefined && owner !== node && isOpen;
}

async function ownedBy(client: Client, node: string): Promise<number[]> {
  const all = await client.partitions();
  return all.filter(({ owner }) => owner === node).map(({ partition }) => partition);
}

function begun(node: string, count: number): string {
  if (count === 0) return `${node} has no partitions, and gets none until it is activated.`;
  return `${node} gives its ${counted(count, "partition")} away. \`holdfast drain ${node} --wait\` waits for that.`;
}

function drained(node: string, where: readonly string[]): string {
  if (where.length === 0) return `${node} is drained: it had no partitions.`;
  return `${node} is drained: its partitions are at ${listed(where)}. It may be stopped now.`;
}
