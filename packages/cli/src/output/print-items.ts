import type { Context } from "../context.ts";
import { printJsonArray } from "./json-array.ts";
import { type Column, table } from "./table.ts";
import { printJson, printLine, type Stream } from "./terminal.ts";

/** How `holdfast get` prints. */
export type Format = "table" | "json" | "yaml";

/** Prints items as they come; in JSON `name`, when it is there, makes of one item no list. */
export async function printItems<Item>(
  { terminal }: Context,
  format: Format,
  columns: readonly Column<Item>[],
  items: AsyncIterable<Item>,
  name?: string,
): Promise<void> {
  const { stdout } = terminal;
  if (format === "table") return printTable(stdout, terminal.stderr, columns, items);
  if (format === "json" && name === undefined) return printJsonArray(stdout, items);
  const { stringify } = await import("yaml");
  let separator = "";
  for await (const item of items) {
    if (format === "json") printJson(stdout, item);
    else stdout.write(separator + stringify(item, { lineWidth: 0 }));
    separator = "---\n";
  }
}

/** Rows are aligned in blocks, so that a list of a million needs no more memory than a short one. */
async function printTable<Item>(
  stdout: Stream,
  stderr: Stream,
  columns: readonly Column<Item>[],
  items: AsyncIterable<Item>,
): Promise<void> {
  let block: Item[] = [];
  let printed = 0;
  const flush = () => {
    const lines = table(columns, block);
    for (const line of printed === 0 ? lines : lines.slice(1)) printLine(stdout, line);
    printed += block.length;
    block = [];
  };
  for await (const item of items) {
    block.push(item);
    if (block.length === 1_000) flush();
  }
  if (block.length > 0) flush();
  if (printed === 0) printLine(stderr, "There are none.");
}
