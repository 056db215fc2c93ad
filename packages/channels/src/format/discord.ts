import { formatLimits } from "./limits.ts";
import { linksAsText } from "./links.ts";
import {
  backtickFence,
  markedLine,
  quoteLines,
  zeroWidthSpace,
  type MarkedSyntax,
} from "./marked.ts";
import type { Line, Link, Run } from "./model.ts";
import { piecesOf, type Dialect } from "./pieces.ts";
import { remembered, renderRows, type Syntax } from "./render.ts";
import type { Row } from "./rows.ts";
import { bold } from "./styles.ts";

export interface DiscordText {
  readonly content: string;
}

/** Pieces in Discord's Markdown, in which nobody is mentioned and nothing becomes markup by accident. */
export function formatDiscord(
  markdown: string,
): readonly (DiscordText & { readonly plain: string })[] {
  return piecesOf(markdown, dialect);
}

const headingLevels = 3;

const marks: MarkedSyntax = {
  marks: { bold: "**", italic: "_", strike: "~~", code: "`" },
  escape: (text, atLineStart) => withoutMentions(escapeMarks(text, atLineStart)),
  escapeCode: withoutMentions,
  // Of those only addresses of the web become links, in which a backslash would be a part.
  escapeAddress: (text) =>
    withoutMentions(text.includes("://") ? encodeMentions(text) : escapeMarks(text, false)),
  openLink: () => "[",
  closeLink: ({ url }) => `](${encodeMentions(url).replaceAll("(", "%28").replaceAll(")", "%29")})`,
};

const syntax: Syntax = {
  line: remembered((row) => {
    if (row.heading === undefined) return markedLine(row, row.line, marks);
    if (row.prefix !== "") return markedLine(row, bold(row.line), marks);
    return `${"#".repeat(Math.min(row.heading, headingLevels))} ${markedLine(row, row.line, marks)}`;
  }),
  fence: (code, language = "") => backtickFence(withoutMentions(code), language),
  quote: quoteLines,
  fencesInQuotes: true,
};

const dialect: Dialect<DiscordText> = {
  bullet: "-",
  unitsMax: 2 * formatLimits.discordCodePoints,
  adapt: (row) => ({ ...row, line: withShowableLinks(row.line).map(withShowableCode) }),
  render: (rows) => ({ content: renderRows(rows, syntax) }),
  fits: ({ content }) =>
    content.length <= formatLimits.discordCodePoints ||
    [...content].length <= formatLimits.discordCodePoints,
};

/** Discord refuses links whose text looks like an address, and links to mail. */
function withShowableLinks(line: Row["line"]): Line {
  return linksAsText(
    line,
    (text: string, link: Link) =>
      /:\/\/|www\./i.test(text) || !/^https?:/i.test(link.url) || text.trim() === "",
  );
}

/** Backticks can be escaped in text only. */
function withShowableCode(run: Run): Run {
  if (run.code !== true || !run.text.includes("`")) return run;
  const { code: _, ...rest } = run;
  return rest;
}

/** With a backslash every mark is a character; some are marks at the beginning of a line only. */
function escapeMarks(text: string, atLineStart: boolean): string {
  const escaped = text.replace(/[\\*_~`|[\]<>]/g, "\\$&");
  return atLineStart ? escaped.replace(/^(\s*)([-#+]|\d+(?=[.)]))/, escapeBegin) : escaped;
}

function escapeBegin(_: string, spaces: string, mark: string): string {
  return /\d/.test(mark) ? `${spaces}${mark}\\` : `${spaces}\\${mark}`;
}

function encodeMentions(url: string): string {
  return url.replace(/@(?=everyone|here)/gi, "%40");
}

/**
 * No one is called: not by name, role, channel, or all together. Addresses of mail stay as they are:
 * each message forbids all calls anyway.
 */
function withoutMentions(text: string): string {
  return text
    .replace(/(?<![\w.+-])@(?=everyone|here)/gi, `@${zeroWidthSpace}`)
    .replace(/<(?=[@#:/aAtTiI])/g, `<${zeroWidthSpace}`);
}
