import { escapeHtml } from "./html.ts";
import { formatLimits } from "./limits.ts";
import { linksAsText } from "./links.ts";
import type { Link } from "./model.ts";
import { piecesOf, type Dialect } from "./pieces.ts";
import { remembered, renderRows, type Syntax } from "./render.ts";
import type { Row } from "./rows.ts";
import { renderSpans, type Mark } from "./spans.ts";
import { bold, withPrefix } from "./styles.ts";

export interface TelegramText {
  /** For `parse_mode: "HTML"`. */
  readonly html: string;
}

/** Pieces in the HTML of the Bot API: tags it knows, everything else escaped. */
export function formatTelegram(
  markdown: string,
): readonly (TelegramText & { readonly plain: string })[] {
  return piecesOf(markdown, dialect);
}

const syntax: Syntax = {
  line: remembered(inline),
  fence: (code, language) =>
    language === undefined
      ? `<pre>${escapeHtml(code)}</pre>`
      : `<pre><code class="language-${escapeHtml(language)}">${escapeHtml(code)}</code></pre>`,
  quote: (text) => `<blockquote>${text}</blockquote>`,
  fencesInQuotes: false,
};

const dialect: Dialect<TelegramText> = {
  bullet: "\u2022",
  unitsMax: formatLimits.telegramUnits,
  adapt: (row) => ({ ...row, line: linksAsText(row.line, (_, link) => !isTaken(link)) }),
  render: (rows) => ({ html: renderRows(rows, syntax) }),
  fits: ({ html }) =>
    html.length <= formatLimits.telegramHtmlUnits &&
    shownUnits(html) <= formatLimits.telegramUnits &&
    entityCount(html) <= formatLimits.telegramEntities,
};

function inline(row: Row): string {
  const line = row.heading === undefined ? row.line : bold(row.line);
  return renderSpans(withPrefix(row.prefix, line.map(withoutForbiddenNesting)), {
    text: (run) => escapeHtml(run.text),
    open: (mark) => (isLink(mark) ? `<a href="${escapeHtml(mark.url)}">` : `<${tags[mark]}>`),
    close: (mark) => (isLink(mark) ? "</a>" : `</${tags[mark]}>`),
  });
}

/** Of a link to a host without a dot Telegram shows the text alone; one to mail becomes one to the web. */
function isTaken({ url }: Link): boolean {
  const host = /^https?:\/\/(?:[^/?#@]*@)?(\[|[^/?#:]*)/i.exec(url)?.[1] ?? "";
  return host === "[" || host.includes(".");
}

/** Code stands in no other entity, and none in it. */
function withoutForbiddenNesting(run: Row["line"][number]): Row["line"][number] {
  if (run.code !== true) return run;
  const { text, link } = run;
  return link === undefined ? { text, code: true } : { text, link };
}

const tags = { bold: "b", italic: "i", strike: "s", code: "code" } as const;

function isLink(mark: Mark): mark is Link {
  return typeof mark === "object";
}

function shownUnits(html: string): number {
  return html.replace(/<[^>]*>/g, "").replace(/&[a-z]+;/g, "x").length;
}

function entityCount(html: string): number {
  return html.match(/<[a-z]/g)?.length ?? 0;
}
