import { linksAsText } from "./links.ts";
import { lineText, type Line, type Run } from "./model.ts";
import type { Row } from "./rows.ts";
import { bold, withPrefix } from "./styles.ts";

/** Rows as text for people, without markup; links are written out. */
export function plainText(rows: readonly Row[]): string {
  return lineText(plainRuns(rows));
}

/** The same in runs, which keep their styles. Code blocks are runs of code. */
export function plainRuns(rows: readonly Row[]): Line {
  return rows.flatMap((row, index) => {
    const apart = index === 0 ? "" : row.gap ? "\n\n" : "\n";
    return withPrefix(apart + "> ".repeat(row.quote) + row.prefix, styled(row));
  });
}

function styled(row: Row): Line {
  if (row.fence !== undefined) return row.line.map((run): Run => ({ ...run, code: true }));
  const line = linksAsText(row.line);
  return row.heading === undefined ? line : bold(line);
}
