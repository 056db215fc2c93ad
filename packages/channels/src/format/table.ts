import { displayWidth } from "./graphemes.ts";
import { formatLimits } from "./limits.ts";
import { linksAsText } from "./links.ts";
import { lineText, type Align, type TableBlock } from "./model.ts";

export interface TableText {
  /** The names of the columns and the line under them. */
  readonly header: readonly string[];
  readonly rows: readonly string[];
}

/** A table as lines of a monospace font. */
export function tableText(table: TableBlock): TableText {
  const cells = table.rows.map((row) => row.map((cell) => lineText(linksAsText(cell)).trim()));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, cell] of row.entries()) {
      const width = Math.min(displayWidth(cell), formatLimits.tableColumnCells);
      widths[column] = Math.max(widths[column] ?? 1, width);
    }
  }
  const [header = [], ...rows] = cells;
  const asLine = (row: readonly string[]): string =>
    row
      .map((cell, column) => padded(cell, widths[column] ?? 0, table.align[column]))
      .join(" | ")
      .trimEnd();
  const rule = header.map((_, column) => "-".repeat(widths[column] ?? 1)).join("-|-");
  return { header: [asLine(header), rule], rows: rows.map(asLine) };
}

function padded(cell: string, width: number, align: Align): string {
  const missing = Math.max(0, width - displayWidth(cell));
  const left = align === "right" ? missing : align === "center" ? Math.floor(missing / 2) : 0;
  return " ".repeat(left) + cell + " ".repeat(missing - left);
}
