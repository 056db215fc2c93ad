import type { Fence, Row } from "./rows.ts";
import { lineText } from "./model.ts";

/** How a platform writes what stands in rows. */
export interface Syntax {
  line(row: Row): string;
  fence(code: string, language: string | undefined): string;
  quote(text: string): string;
  /** Code blocks may stand in quotes. */
  readonly fencesInQuotes: boolean;
}

/** A row is written the same each time: splitting asks for it often. */
export function remembered(write: (row: Row) => string): (row: Row) => string {
  const written = new WeakMap<Row, string>();
  return (row) => {
    const known = written.get(row) ?? write(row);
    written.set(row, known);
    return known;
  };
}

/** Rows as one text; blocks that a piece cuts are closed in it, and opened again in the next. */
export function renderRows(rows: readonly Row[], syntax: Syntax): string {
  let text = "";
  for (const quoted of groupsBy(rows, (row) => isQuoted(row, syntax))) {
    const [first] = quoted;
    const inside = renderFences(quoted, syntax);
    text += separator(text, first) + (isQuoted(first, syntax) ? syntax.quote(inside) : inside);
  }
  return text;
}

function renderFences(rows: readonly Row[], syntax: Syntax): string {
  let text = "";
  for (const group of groupsBy(rows, (row): Fence | undefined => row.fence)) {
    const [first] = group;
    if (first.fence === undefined) {
      for (const row of group) text += separator(text, row) + syntax.line(row);
    } else {
      const code = group.map((row) => lineText(row.line)).join("\n");
      text += separator(text, first) + syntax.fence(code, first.fence.language);
    }
  }
  return text;
}

function isQuoted(row: Row, syntax: Syntax): boolean {
  return row.quote > 0 && (syntax.fencesInQuotes || row.fence === undefined);
}

function separator(before: string, row: Row): string {
  return before === "" ? "" : row.gap ? "\n\n" : "\n";
}

type Group = readonly [Row, ...Row[]];

/** Neighbours with the same key. */
function groupsBy(rows: readonly Row[], keyOf: (row: Row) => unknown): readonly Group[] {
  const groups: [Row, ...Row[]][] = [];
  let lastKey: unknown;
  for (const row of rows) {
    const key = keyOf(row);
    const last = groups.at(-1);
    if (last !== undefined && key === lastKey) last.push(row);
    else groups.push([row]);
    lastKey = key;
  }
  return groups;
}
