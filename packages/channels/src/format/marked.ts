import { sameStyle, type Line, type Link, type Run } from "./model.ts";
import type { Row } from "./rows.ts";
import { renderSpans, type Mark } from "./spans.ts";
import { withShowableStyles } from "./styles.ts";

/** Platforms that put marks around words: Slack, WhatsApp, Discord. */
export interface MarkedSyntax {
  readonly marks: Readonly<Record<Exclude<Mark, Link>, string>>;
  /** Text outside of code, in which nothing may become markup. */
  escape(text: string, atLineStart: boolean): string;
  escapeCode(text: string): string;
  escapeAddress(text: string): string;
  openLink(link: Link): string;
  closeLink(link: Link): string;
  readonly linksInnermost?: boolean;
}

/** A row in the platform's marks. */
export function markedLine(row: Row, line: Line, syntax: MarkedSyntax): string {
  let atLineStart = true;
  const text = renderSpans(merged(withShowableStyles(line.map(withoutEmptyCode))), {
    text: (run) => {
      const isFirst = atLineStart;
      atLineStart &&= run.text.trim() === "";
      if (run.address === true) return syntax.escapeAddress(run.text);
      return run.code === true ? syntax.escapeCode(run.text) : syntax.escape(run.text, isFirst);
    },
    open: (mark) => (typeof mark === "object" ? syntax.openLink(mark) : syntax.marks[mark]),
    close: (mark) => (typeof mark === "object" ? syntax.closeLink(mark) : syntax.marks[mark]),
    linksInnermost: syntax.linksInnermost === true,
  });
  return row.prefix + text;
}

/** Marks around nothing would be shown. */
function withoutEmptyCode(run: Run): Run {
  if (run.code !== true || run.text.trim() !== "") return run;
  const { code: _, ...rest } = run;
  return rest;
}

/** Neighbours of one style as one run. */
function merged(line: Line): readonly Run[] {
  const runs: Run[] = [];
  for (const run of line) {
    const last = runs.at(-1);
    if (last !== undefined && sameStyle(last, run)) {
      runs[runs.length - 1] = { ...last, text: last.text + run.text };
    } else {
      runs.push(run);
    }
  }
  return runs;
}

/** Shown as nothing; between a mark and a word the mark stays a character. */
export const zeroWidthSpace = "\u200b";

/** A code block between lines of backticks; backticks inside cannot end it. */
export function backtickFence(code: string, language: string): string {
  return `\`\`\`${language}\n${code.replace(/``(?=`)/g, `\`\`${zeroWidthSpace}`)}\n\`\`\``;
}

/** Every line begins as a quote. */
export function quoteLines(text: string): string {
  return `> ${text.replaceAll("\n", "\n> ")}`;
}

/**
 * Where nothing can be escaped: a mark before a word would open a style, and > at the beginning of a
 * line a quote.
 */
export function withoutMarks(text: string, atLineStart: boolean): string {
  const apart = withoutBackticks(text).replace(
    /(?<![\p{L}\p{N}])[*_~]+(?=\S|$)/gu,
    `$&${zeroWidthSpace}`,
  );
  return atLineStart && /^\s*>/.test(apart) ? zeroWidthSpace + apart : apart;
}

/** Where a backtick always begins or ends code, an accent that looks like it stands for it. */
export function withoutBackticks(text: string): string {
  return text.replaceAll("`", "\u02cb");
}
