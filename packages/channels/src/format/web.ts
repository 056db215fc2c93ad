import { escapeHtml } from "./html.ts";
import type { Align, Block, Line, ListItem, TableBlock } from "./model.ts";
import { parseMarkdown } from "./parse.ts";
import { plainText } from "./plain.ts";
import { rowsOf } from "./rows.ts";
import { renderSpans } from "./spans.ts";

/** The whole text as HTML of our own making: nothing of an agent's HTML is kept as markup. */
export function formatWeb(markdown: string): { readonly html: string; readonly plain: string } {
  const blocks = parseMarkdown(markdown);
  return { html: blocksHtml(blocks), plain: plainText(rowsOf(blocks, { bullet: "-" })) };
}

export function blocksHtml(blocks: readonly Block[]): string {
  return blocks.map(blockHtml).join("\n");
}

function blockHtml(block: Block): string {
  switch (block.type) {
    case "paragraph":
      return `<p>${linesHtml(block.lines)}</p>`;
    case "heading":
      return `<h${block.depth}>${linesHtml(block.lines)}</h${block.depth}>`;
    case "code": {
      const language =
        block.language === undefined ? "" : ` class="language-${escapeHtml(block.language)}"`;
      return `<pre><code${language}>${escapeHtml(block.text)}\n</code></pre>`;
    }
    case "quote":
      return `<blockquote>\n${blocksHtml(block.blocks)}\n</blockquote>`;
    case "list": {
      const items = block.items.map((item) => itemHtml(item, block.loose)).join("\n");
      if (block.start === undefined) return `<ul>\n${items}\n</ul>`;
      return `<ol${block.start === 1 ? "" : ` start="${block.start}"`}>\n${items}\n</ol>`;
    }
    case "table":
      return tableHtml(block);
    case "rule":
      return "<hr>";
    default:
      return block satisfies never;
  }
}

function itemHtml(item: ListItem, loose: boolean): string {
  const box = item.checked === undefined ? "" : item.checked ? "\u2611 " : "\u2610 ";
  const blocks = item.blocks.map((block) =>
    !loose && block.type === "paragraph" ? linesHtml(block.lines) : blockHtml(block),
  );
  return `<li>${box}${blocks.join("\n")}</li>`;
}

function tableHtml(table: TableBlock): string {
  const rowHtml = (row: readonly Line[], tag: "th" | "td"): string =>
    `<tr>${row.map((cell, column) => `<${tag}${alignHtml(table.align[column])}>${linesHtml([cell])}</${tag}>`).join("")}</tr>`;
  const [header = [], ...rows] = table.rows;
  const body = rows.map((row) => rowHtml(row, "td")).join("\n");
  return `<table>\n<thead>\n${rowHtml(header, "th")}\n</thead>\n<tbody>\n${body}\n</tbody>\n</table>`;
}

function alignHtml(align: Align): string {
  return align === undefined ? "" : ` align="${align}"`;
}

function linesHtml(lines: readonly Line[]): string {
  return lines.map(lineHtml).join("<br>\n");
}

const tags = { bold: "strong", italic: "em", strike: "del", code: "code" } as const;

function lineHtml(line: Line): string {
  return renderSpans(line, {
    text: (run) => escapeHtml(run.text),
    open: (mark) =>
      typeof mark === "object"
        ? `<a href="${escapeHtml(mark.url)}" rel="noopener noreferrer nofollow" target="_blank">`
        : `<${tags[mark]}>`,
    close: (mark) => (typeof mark === "object" ? "</a>" : `</${tags[mark]}>`),
  });
}
