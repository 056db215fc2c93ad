import { commandLimits } from "../limits.ts";
import { oneLine } from "./printable.ts";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | undefined;
  /** Numbers, so that their digits stand below each other. */
  readonly isRight?: boolean;
  /** Never cut: people copy it into the next command. */
  readonly isWhole?: boolean;
}

/** Rows as lines of aligned columns; long cells are cut. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  gap = "   ",
): string[] {
  const cells = rows.map((row) => columns.map((column) => cell(column.value(row), column.isWhole)));
  const lines = [columns.map((column) => column.title), ...cells];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => width(line[index] ?? ""))),
  );
  return lines.map((line) =>
    line
      .map((text, index) => {
        const space = " ".repeat(Math.max(0, (widths[index] ?? 0) - width(text)));
        return columns[index]?.isRight ? space + text : text + space;
      })
      .join(gap)
      .trimEnd(),
  );
}

function cell(value: string | undefined, isWhole = false): string {
  const text = oneLine(value ?? "");
  if (text === "") return "-";
  const characters = Array.from(text);
  if (isWhole || characters.length <= commandLimits.cellWidth) return text;
  return `${characters.slice(0, commandLimits.cellWidth - 1).join("")}…`;
}

/** The text's beginning, as much of it as fits. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = "";
  let used = 1;
  for (const character of text) {
    used += width(character);
    if (used > columns) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Columns on a terminal: East Asian wide characters and emoji take two. */
function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += wide.test(character) ? 2 : 1;
  return columns;
}

const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60]|\p{Emoji_Presentation}/u;
