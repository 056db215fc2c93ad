import { formatLimits } from "./limits.ts";
import { linksAsText } from "./links.ts";
import type { Line } from "./model.ts";
import { piecesOf, type Dialect } from "./pieces.ts";
import { plainRuns } from "./plain.ts";

export interface SignalText {
  readonly text: string;
  /** "start:length:STYLE", in UTF-16 units of the text. */
  readonly styles: readonly string[];
}

/** Pieces as plain text with ranges of style. */
export function formatSignal(
  markdown: string,
): readonly (SignalText & { readonly plain: string })[] {
  return piecesOf(markdown, dialect);
}

const dialect: Dialect<SignalText> = {
  bullet: "\u2022",
  unitsMax: formatLimits.signalBytes,
  adapt: (row) => ({ ...row, line: linksAsText(row.line) }),
  render: (rows) => {
    const runs = plainRuns(rows);
    return { text: runs.map((run) => run.text).join(""), styles: styleRanges(runs) };
  },
  fits: ({ text }) => Buffer.byteLength(text) <= formatLimits.signalBytes,
};

const names = {
  bold: "BOLD",
  italic: "ITALIC",
  strike: "STRIKETHROUGH",
  code: "MONOSPACE",
} as const;

function styleRanges(runs: Line): readonly string[] {
  const ranges: string[] = [];
  for (const style of ["bold", "italic", "strike", "code"] as const) {
    let at = 0;
    let start: number | undefined;
    for (const run of [...runs, { text: "" }]) {
      if (run[style] === true) {
        start ??= at;
      } else if (start !== undefined) {
        if (at > start) ranges.push(`${start}:${at - start}:${names[style]}`);
        start = undefined;
      }
      at += run.text.length;
    }
  }
  return ranges;
}
