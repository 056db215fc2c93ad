import { formatLimits } from "./limits.ts";

const fence = /^(?:(`{3,})[^`\n]*|(~{3,}).*)$/;
const marks = /[[\]*_~`!<>&@\\|]/g;
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
  for (const line of markdown.split("\n")) {
    const fenced = fence.exec(line);
    const ticks = fenced?.[1] ?? fenced?.[2] ?? "";
    if (open !== "") {
      if (ticks.startsWith(open) && line.trimEnd() === ticks) open = "";
      continue;
    }
    if (ticks !== "" || line.trim() === "") {
      open = ticks;
      squares += inParagraph * inParagraph;
      inParagraph = 0;
      continue;
    }
    inParagraph += line.match(marks)?.length ?? 0;
    if (inParagraph > formatLimits.marksPerParagraph) return true;
    const begin = containers.exec(line)?.[0] ?? "";
    if ((begin.match(container)?.length ?? 0) > formatLimits.containersPerLine) return true;
  }
  return squares + inParagraph * inParagraph > formatLimits.marksSquaredTotal;
}
