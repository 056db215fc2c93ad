import { HoldfastError } from "@holdfast/core";
import type { Client } from "@holdfast/sdk";
import type { ClusterKind } from "../addresses.ts";
import { openClusterSource } from "../cluster/cluster-source.ts";
import { nodeColumns, nodeStyle, partitionColumns, partitionStyle } from "../cluster/columns.ts";
import { printChanges, showLive } from "../cluster/live-view.ts";
import type { Context } from "../context.ts";
import type { ScreenLine } from "../output/live-screen.ts";
import { type Format, printItems } from "../output/print-items.ts";
import { type Column, table } from "../output/table.ts";
import { printLine, type Style } from "../output/terminal.ts";

export interface ClusterGetOptions {
  readonly format: Format;
  readonly watch: boolean;
}

interface Listing<Item> {
  readonly columns: readonly Column<Item>[];
  readonly style: (item: Item) => Style | undefined;
  /** All, or the one of that name. */
  readonly read: (client: Client, name: string | undefined) => Promise<readonly Item[]>;
}

/** `holdfast get nodes` and `holdfast get partitions`. */
export function getCluster(
  context: Context,
  kind: ClusterKind,
  name: string | undefined,
  options: ClusterGetOptions,
): Promise<number> {
  return kind === "node"
    ? show(context, nodes, name, options)
    : show(context, partitions, name, options);
}

async function show<Item>(
  context: Context,
  listing: Listing<Item>,
  name: string | undefined,
  { format, watch }: ClusterGetOptions,
): Promise<number> {
  const { columns } = listing;
  if (!watch) {
    const items = await listing.read(await context.client(), name);
    await printItems(context, format, columns, each(items), name);
    return 0;
  }
  if (format === "yaml") throw new HoldfastError("usage", "--watch prints tables or JSON.");
  const source = await openClusterSource(context);
  const read = async () => {
    const items = await source.read((client) => listing.read(client, name));
    source.learn(await source.read((client) => client.nodes()));
    return items;
  };
  if (format === "json") {
    await printChanges(context, { read }, (items) => JSON.stringify(items));
  } else if (!context.terminal.stdout.isTTY) {
    await printChanges(context, { read }, (items) => `${table(columns, items).join("\n")}\n`);
  } else {
    // The last state stays on the screen, as that of a list without --watch.
    const last = await showLive(context, { read, lines: (items) => screenTable(listing, items) });
    for (const line of table(columns, last)) printLine(context.terminal.stdout, line);
  }
  return 0;
}

function screenTable<Item>(
  { columns, style }: Listing<Item>,
  items: readonly Item[],
): readonly ScreenLine[] {
  return table(columns, items).map((text, index) => {
    const item = items[index - 1];
    return { text, style: item === undefined ? "bold" : style(item) };
  });
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item, void, undefined> {
  yield* items;
}

const nodes = {
  columns: nodeColumns,
  style: nodeStyle,
  read: async (client: Client, name: string | undefined) =>
    name === undefined ? client.nodes() : [await client.node(name)],
};

const partitions = {
  columns: partitionColumns,
  style: partitionStyle,
  async read(client: Client, name: string | undefined) {
    const all = await client.partitions();
    if (name === undefined) return all;
    const found = all.filter(({ partition }) => String(partition) === name);
    if (found.length > 0) return found;
    const numbers = `they are numbered 0 to ${all.length - 1}`;
    throw new HoldfastError("not_found", `There is no partition ${name}: ${numbers}.`);
  },
};
