import { formatLimits } from "./limits.ts";
import { withBareLinks } from "./links.ts";
import {
  backtickFence,
  markedLine,
  quoteLines,
  withoutBackticks,
  withoutMarks,
  type MarkedSyntax,
} from "./marked.ts";
import type { Run } from "./model.ts";
import { piecesOf, type Dialect } from "./pieces.ts";
import { remembered, renderRows, type Syntax } from "./render.ts";
import { bold } from "./styles.ts";

export interface SlackText {
  readonly mrkdwn: string;
}

/** Pieces in Slack's mrkdwn, in which only & < > are escaped and links stand as <address|text>. */
export function formatSlack(markdown: string): readonly (SlackText & { readonly plain: string })[] {
  return piecesOf(markdown, dialect);
}

const marks: MarkedSyntax = {
  marks: { bold: "*", italic: "_", strike: "~", code: "`" },
  escape: (text, atLineStart) => escapeControl(withoutMarks(text, atLineStart)),
  escapeCode: (text) => escapeControl(withoutBackticks(text)),
  escapeAddress: escapeControl,
  openLink: ({ url }) => `<${escapeControl(url)}|`,
  closeLink: () => ">",
  linksInnermost: true,
};

const syntax: Syntax = {
  line: remembered((row) =>
    withoutRepeats(markedLine(row, row.heading === undefined ? row.line : bold(row.line), marks)),
  ),
  fence: (code) => backtickFence(escapeControl(code), ""),
  quote: quoteLines,
  fencesInQuotes: false,
};

const dialect: Dialect<SlackText> = {
  bullet: "\u2022",
  unitsMax: formatLimits.slackUnits,
  adapt: (row) => ({ ...row, line: withBareLinks(row.line).map(withoutCodeInLink) }),
  render: (rows) => ({ mrkdwn: renderRows(rows, syntax) }),
  fits: ({ mrkdwn }) => mrkdwn.length <= formatLimits.slackUnits,
};

/** Slack shows backticks around links as they are. */
function withoutCodeInLink(run: Run): Run {
  if (run.link === undefined) return run;
  const { code: _, ...rest } = run;
  return rest;
}

/** A link whose text is its address needs no text. */
function withoutRepeats(line: string): string {
  return line.replace(/<([^<>|]+)\|\1>/g, "<$1>");
}

function escapeControl(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
