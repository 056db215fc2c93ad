import { formatLimits } from "./limits.ts";

const fence = /^(?:(`{3,})[^`\n]*|(~{3,}).*)$/;
const marks = /[[\]*_~`<@]/g;
/** Ends the paragraph before it, wherever it stands. */
const item = /^ {0,3}[-+*] +\S/;
const containers = /^(?:[ \t]*(?:>|[-+*](?=\s)|\d{1,9}[.)](?=\s)))+/;
const container = />|[-+*](?=\s)|\d{1,9}[.)](?=\s)/g;

/**
 * Whether the Markdown parser would take too long for this text, or build too deep a tree.
 * Its time grows with the square of the marks in a paragraph. Only fences that begin a line count as
 * code here: those are code for the parser, too, whatever stands before them, as raw HTML is off.
 */
export function isTooComplex(markdown: string): boolean {
  if (markdown.length > formatLimits.markdownChars) return true;
  let open = "";
  let inParagraph = 0;
  let squares = 0;
  let quotes = 0;
  let items = 0;
  let wasQuote = false;
  for (const line of markdown.split("\n")) {
    const fenced = fence.exec(line);
    const ticks = fenced?.[1] ?? fenced?.[2] ?? "";
    if (open !== "") {
      if (ticks.startsWith(open) && line.trimEnd() === ticks) open = "";
      continue;
    }
    if (ticks !== "" || line.trim() === "") {
      wasQuote = false;
      open = ticks;
      squares += inParagraph * inParagraph;
      inParagraph = 0;
      continue;
    }
    if (item.test(line)) {
      squares += inParagraph * inParagraph;
      inParagraph = 0;
    }
    inParagraph += line.match(marks)?.length ?? 0;
    if (inParagraph > formatLimits.marksPerParagraph) return true;
    const begin = containers.exec(line)?.[0] ?? "";
    const depth = line.slice(0, begin.length + 1).match(container)?.length ?? 0;
    const isQuote = begin.includes(">");
    if (isQuote && !wasQuote) quotes += depth;
    else if (depth > 0) items += isQuote ? 0 : depth;
    wasQuote = isQuote;
    if (depth > formatLimits.containersPerLine) return true;
    if (quotes > formatLimits.quotes || items > formatLimits.listItems) return true;
  }
  return squares + inParagraph * inParagraph > formatLimits.marksSquaredTotal;
}
