import { formatLimits } from "./limits.ts";
import { linksAsText } from "./links.ts";
import { parseMarkdown, plainBlocks } from "./parse.ts";
import { plainText } from "./plain.ts";
import { rowsOf } from "./rows.ts";
import { splitRows } from "./split.ts";
import { blocksHtml } from "./web.ts";

export interface MailText {
  /** A page without anything from elsewhere. */
  readonly html: string;
  readonly text: string;
}

/** One mail, or several of plain text where the text is longer than one may be. */
export function formatEmail(markdown: string): readonly MailText[] {
  const blocks = parseMarkdown(markdown);
  const rows = rowsOf(blocks, { bullet: "-" });
  const text = plainText(rows);
  if (text.length <= unitsMax) return [mail(blocksHtml(blocks), text)];
  const written = rows.map((row) => ({ ...row, line: linksAsText(row.line) }));
  const measure = { unitsMax, fits: (some: typeof rows) => plainText(some).length <= unitsMax };
  return splitRows(written, measure).map((piece) => {
    const part = plainText(piece);
    return mail(blocksHtml(plainBlocks(part)), part);
  });
}

/** A line feed ends the text. */
const unitsMax = formatLimits.mailUnits - 1;

function mail(html: string, text: string): MailText {
  return {
    html: `<!doctype html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n${html}\n</body>\n</html>\n`,
    text: `${text}\n`,
  };
}
