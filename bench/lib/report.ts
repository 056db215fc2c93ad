import { loadavg } from "node:os";
import { machine } from "./machine.ts";

/** One line of a bench's table. */
export interface Row {
  readonly what: string;
  readonly value: string;
  /** What is wanted of it, if anything. */
  readonly wanted?: string;
  readonly met?: boolean;
}

/** Prints the table, and as the last line the figures as one JSON object. */
export function printReport(
  rows: readonly Row[],
  figures: Readonly<Record<string, unknown>>,
  natsServer: string,
): void {
  const width = Math.max(...rows.map(({ what }) => what.length)) + 2;
  const valueWidth = Math.max(...rows.map(({ value }) => value.length)) + 2;
  for (const { what, value, wanted, met } of rows) {
    const mark = met === undefined ? "" : met ? "met" : "MISSED";
    const line = `${what.padEnd(width)}${value.padEnd(valueWidth)}${(wanted ?? "").padEnd(24)}${mark}`;
    console.log(line.trimEnd());
  }
  // Above the number of cores, other work of the machine stands in the figures.
  const loadAverage = loadavg().map((value) => Math.round(value * 10) / 10);
  console.log(JSON.stringify({ ...figures, machine: machine(natsServer), loadAverage }));
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 102.4) / 10;
}
