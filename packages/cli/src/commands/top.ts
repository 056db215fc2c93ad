import { HoldfastError } from "@holdfast/core";
import type { Client, ClusterNode, Operation, PartitionStatus } from "@holdfast/sdk";
import { openClusterSource } from "../cluster/cluster-source.ts";
import {
  loadColumns,
  nodeStyle,
  operationText,
  partitionColumns,
  partitionStyle,
  rate,
} from "../cluster/columns.ts";
import { showLive } from "../cluster/live-view.ts";
import type { Context } from "../context.ts";
import type { ScreenLine } from "../output/live-screen.ts";
import { oneLine } from "../output/printable.ts";
import { table } from "../output/table.ts";
import { printJson, printLine, styled } from "../output/terminal.ts";

interface Snapshot {
  readonly nodes: readonly ClusterNode[];
  readonly partitions: readonly PartitionStatus[];
  readonly operation?: Operation;
}

/** `holdfast top`: the cluster at work, on the whole screen; in a pipe printed once. */
export async function runTop(context: Context): Promise<number> {
  const { terminal, json } = context;
  const { stdout } = terminal;
  const source = await openClusterSource(context);
  const read = async (): Promise<Snapshot> => {
    const snapshot = await source.read(snapshotOf);
    source.learn(snapshot.nodes);
    return snapshot;
  };
  if (json) {
    printJson(stdout, await read());
    return 0;
  }
  const lines = (snapshot: Snapshot) => screenOf(snapshot, source.url);
  if (stdout.isTTY) {
    const help: ScreenLine[] = [
      { text: "" },
      { text: "* coordinator   q or Ctrl-C: leave", style: "dim" },
    ];
    await showLive(context, { read, lines: (snapshot) => [...lines(snapshot), ...help] });
    return 0;
  }
  for (const { text, style } of lines(await read())) {
    printLine(stdout, style ? styled(stdout, style, text) : text);
  }
  return 0;
}

async function snapshotOf(client: Client): Promise<Snapshot> {
  const [nodes, partitions, operation] = await Promise.all([
    client.nodes(),
    client.partitions(),
    client.operation().catch(noneKnown),
  ]);
  return { nodes, partitions, ...(operation && { operation }) };
}

/** The view goes on while no store node can say what it is doing, and where none ever does. */
function noneKnown(thrown: unknown): undefined {
  const mayLack: readonly string[] = ["store_node_required", "not_found"];
  if (!(thrown instanceof HoldfastError)) throw thrown;
  if (mayLack.includes(thrown.code) || thrown.retry === "safe") return undefined;
  throw thrown;
}

function screenOf({ nodes, partitions: all, operation }: Snapshot, url: string): ScreenLine[] {
  // What nobody works on must not be below the screen's end.
  const partitions = all.toSorted((a, b) => Number(a.isOpen) - Number(b.isOpen));
  const nodeLines = table(loadColumns, nodes, "  ");
  const partitionLines = table(partitionColumns, partitions, "  ");
  const shown = operation && operation.phase !== "done" ? operation : undefined;
  return [
    { text: summary(nodes, partitions, url), style: "bold" },
    ...(shown ? [operationLine(shown)] : []),
    { text: "" },
    ...nodeLines.map((text, index) => ({ text, style: styleAt(nodes, index, nodeStyle) })),
    { text: "" },
    ...partitionLines.map((text, index) => ({
      text,
      style: styleAt(partitions, index, partitionStyle),
    })),
  ];
}

function operationLine(operation: Operation): ScreenLine {
  const style = operation.phase === "failed" ? "red" : "yellow";
  return { text: `${operation.kind} ${oneLine(operationText(operation))}`, style };
}

function styleAt<Item>(
  items: readonly Item[],
  index: number,
  styleOf: (item: Item) => ScreenLine["style"],
): ScreenLine["style"] {
  const item = items[index - 1];
  return item === undefined ? "bold" : styleOf(item);
}

function summary(
  nodes: readonly ClusterNode[],
  partitions: readonly PartitionStatus[],
  url: string,
): string {
  const alive = nodes.filter(({ presence }) => presence === "alive").length;
  const open = partitions.filter(({ isOpen }) => isOpen).length;
  const sum = (value: (partition: PartitionStatus) => number) =>
    partitions.reduce((total, partition) => total + value(partition), 0);
  const facts = [
    `${alive} of ${nodes.length} nodes alive`,
    `${open} of ${partitions.length} partitions open`,
    `${rate(sum(({ turnsPerSecond }) => turnsPerSecond))} turns/s`,
    `${sum(({ turnsInFlight }) => turnsInFlight)} in flight`,
    `lag ${sum(({ lag }) => lag)}`,
    `from ${url}`,
  ];
  return facts.join("   ");
}
