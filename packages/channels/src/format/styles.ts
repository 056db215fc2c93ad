import type { Line, Run } from "./model.ts";

export const textStyles = ["bold", "italic", "strike"] as const;
export type TextStyle = (typeof textStyles)[number];

const wordAtEnd = /[\p{L}\p{N}\p{M}_]$/u;
const wordAtStart = /^[\p{L}\p{N}\p{M}_]/u;

/**
 * The line with only those styles that a platform with marks around words can show: a span neither
 * begins nor ends with a space, and does not begin or end inside a word. Elsewhere the marks would be
 * shown as they are.
 */
export function withShowableStyles(line: Line): Line {
  let runs = line.flatMap(withSpacesApart);
  for (const style of textStyles) runs = withShowableStyle(runs, style);
  return runs;
}

function withSpacesApart(run: Run): readonly Run[] {
  if (run.code === true) return [run];
  const { text } = run;
  const start = text.length - text.trimStart().length;
  const end = Math.max(start, text.trimEnd().length);
  return [text.slice(0, start), text.slice(start, end), text.slice(end)]
    .filter((part) => part !== "")
    .map((part) => ({ ...run, text: part }));
}

function withShowableStyle(runs: readonly Run[], style: TextStyle): Run[] {
  const result = [...runs];
  let start = 0;
  while (start < runs.length) {
    if (runs[start]?.[style] !== true) {
      start += 1;
      continue;
    }
    let end = start;
    while (runs[end]?.[style] === true) end += 1;
    let from = start;
    let to = end;
    while (from < to && runs[from]?.text.trim() === "") from += 1;
    while (to > from && runs[to - 1]?.text.trim() === "") to -= 1;
    const inWord =
      wordAtEnd.test(runs[from - 1]?.text ?? "") || wordAtStart.test(runs[to]?.text ?? "");
    for (let index = start; index < end; index += 1) {
      const run = runs[index];
      if (run !== undefined && (inWord || index < from || index >= to)) {
        const { [style]: _, ...rest } = run;
        result[index] = rest;
      }
    }
    start = end;
  }
  return result;
}

/** All of the line in bold: headings, where the platform has none. */
export function bold(line: Line): Line {
  return line.map((run) => ({ ...run, bold: true }));
}

/** The line with its indentation and mark. */
export function withPrefix(prefix: string, line: Line): Line {
  return prefix === "" ? line : [{ text: prefix }, ...line];
}
