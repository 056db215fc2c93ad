import { limits } from "@holdfast/core";
import { table } from "./table.ts";

const intro = `# Limits

<!-- Generated from packages/core/src/limits.ts by \`npm run docs:generate\`. Do not edit. -->

Every queue, cache, retry and payload of Holdfast has a bound. Over it the answer is an error with a
[code](errors.md) (413, 429 or 503), never unbounded memory. A note stands where the name does
not say it all; it may speak of the limits that follow it, too.

`;

/** The page; `source` is the text of the limits, whose comments become the notes. */
export function limitsPage(source: string): string {
  const notes = notesOf(source);
  const rows = Object.entries(limits).map(([name, value]) => [
    `\`${name}\``,
    shown(name, value),
    notes.get(name) ?? "",
  ]);
  return `${intro}${table(["Limit", "Value", "Note"], rows)}`;
}

/** The comment right above a limit, as one line. */
function notesOf(source: string): Map<string, string> {
  const notes = new Map<string, string>();
  for (const [, comment, name] of source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(\w+):/g)) {
    if (comment === undefined || name === undefined) continue;
    notes.set(name, comment.replace(/\s*\n\s*\*\s*/g, " ").trim());
  }
  return notes;
}

/** The unit is the end of the name. */
function shown(name: string, value: number): string {
  if (name.endsWith("Bytes")) return inUnits(value, byteUnits);
  if (name.endsWith("Ms")) return inUnits(value, timeUnits);
  return value.toLocaleString("en");
}

type Units = readonly (readonly [size: number, name: string])[];

const byteUnits: Units = [
  [1024 ** 2, "MiB"],
  [1024, "KiB"],
  [1, "bytes"],
];
const timeUnits: Units = [
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
  [1, "ms"],
];

/** In the largest unit that divides it. */
function inUnits(value: number, units: Units): string {
  const [size, name] = units.find(([unit]) => value >= unit && value % unit === 0) ?? [1, ""];
  return `${(value / size).toLocaleString("en")} ${name}`;
}
