import { formatLimits } from "./limits.ts";
import { linksAsText } from "./links.ts";
import {
  backtickFence,
  markedLine,
  quoteLines,
  withoutBackticks,
  withoutMarks,
  type MarkedSyntax,
} from "./marked.ts";
import { piecesOf, type Dialect } from "./pieces.ts";
import { remembered, renderRows, type Syntax } from "./render.ts";
import { bold } from "./styles.ts";

export interface WhatsAppText {
  readonly text: string;
}

/** Pieces in WhatsApp's marks; links are written out, as it has none. */
export function formatWhatsApp(
  markdown: string,
): readonly (WhatsAppText & { readonly plain: string })[] {
  return piecesOf(markdown, dialect);
}

const marks: MarkedSyntax = {
  marks: { bold: "*", italic: "_", strike: "~", code: "`" },
  escape: withoutMarks,
  escapeCode: withoutBackticks,
  escapeAddress: (text) => text,
  openLink: () => "",
  closeLink: () => "",
};

const syntax: Syntax = {
  line: remembered((row) =>
    markedLine(row, row.heading === undefined ? row.line : bold(row.line), marks),
  ),
  fence: (code) => backtickFence(code, ""),
  quote: quoteLines,
  fencesInQuotes: false,
};

const dialect: Dialect<WhatsAppText> = {
  bullet: "-",
  unitsMax: formatLimits.whatsAppUnits,
  adapt: (row) => ({ ...row, line: linksAsText(row.line) }),
  render: (rows) => ({ text: renderRows(rows, syntax) }),
  fits: ({ text }) => text.length <= formatLimits.whatsAppUnits,
};
