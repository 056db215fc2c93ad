import type { ClusterNode } from "@holdfast/sdk";
import { listed } from "../cluster/follow.ts";
import type { Context } from "../context.ts";
import { confirmed } from "../output/ask.ts";
import { printJson, printLine } from "../output/terminal.ts";

export interface RemoveOptions {
  readonly force?: boolean;
  readonly yes?: boolean;
}

/** `holdfast remove NODE...`. There is no way back: in a pipe, too, somebody must have said yes. */
export async function runRemove(
  context: Context,
  names: readonly string[],
  options: RemoveOptions,
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.client();
  const nodes = await client.nodes();
  const removed = [...new Set(names)];
  // Of others the node says whether they are out already, or never were.
  const leaving = nodes.filter(({ node }) => removed.includes(node));
  const who = listed(removed);
  const leave = removed.length === 1 ? "leaves" : "leave";
  printLine(terminal.stderr, `What follows when ${who} ${leave}:`);
  for (const name of removed) {
    if (leaving.some(({ node }) => node === name)) continue;
    printLine(terminal.stderr, `- ${name} is no member: it is out already, or never was one.`);
  }
  for (const text of consequences(nodes, leaving)) printLine(terminal.stderr, `- ${text}`);
  if (!options.yes && !(await confirmed(terminal, `Remove ${who}?`))) return 1;
  await client.removeNodes(removed, { force: options.force === true });
  if (json) printJson(terminal.stdout, { removed });
  else for (const name of removed) printLine(terminal.stdout, `${name} removed`);
  return 0;
}

/** What follows from it, in words. */
function consequences(
  nodes: readonly ClusterNode[],
  leaving: readonly ClusterNode[],
): readonly string[] {
  if (leaving.length === 0) return [];
  const texts: string[] = [];
  for (const { node, presence, ownedPartitions } of leaving) {
    if (presence === "alive") {
      texts.push(
        `${node} is alive: it is cut off at once, and its turns go on elsewhere from their last finished step.`,
      );
    } else if (ownedPartitions > 0) {
      texts.push(
        `${node} is recorded as owner of ${ownedPartitions} partitions: others take them.`,
      );
    }
  }
  // One that was never heard of has brought no engine yet.
  const isStore = ({ role, engine, presence }: ClusterNode) =>
    role === "store" && engine !== undefined && presence !== "unknown";
  const stores = nodes.filter(isStore);
  const going = leaving.filter(isStore);
  if (going.length > 0) {
    const left = stores.filter((node) => !leaving.includes(node) && node.presence === "alive");
    const majority = Math.floor(stores.length / 2) + 1;
    const names = listed(going.map(({ node }) => node));
    texts.push(
      `The copies of the data on ${names} are given up. New ones are made on other store nodes when there are three of them.`,
    );
    if (left.length < majority) {
      const count = `${left.length} of ${stores.length} store nodes would work, ${majority} are needed`;
      texts.push(`${count}: nothing can be written then, and what only they hold is lost.`);
    } else if (left.length < 3) {
      texts.push(`${left.length} store nodes work then, too few for three copies: add one.`);
    }
  }
  const whose = leaving.length === 1 ? "Its certificates are" : "Their certificates are";
  return [
    ...texts,
    `${whose} refused from then on. A machine comes back only by joining anew, with an empty data folder and a new name.`,
  ];
}
