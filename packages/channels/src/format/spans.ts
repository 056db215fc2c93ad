import type { Line, Link, Run } from "./model.ts";

/** A style that is opened and closed; a link is its own. */
export type Mark = "bold" | "italic" | "strike" | "code" | Link;

export interface SpanSyntax {
  /** The text of a run between its marks. */
  text(run: Run): string;
  open(mark: Mark): string;
  close(mark: Mark): string;
  /** Marks may stand around links only, not inside them. */
  readonly linksInnermost?: boolean;
}

/** A line with its marks properly inside each other. */
export function renderSpans(line: Line, syntax: SpanSyntax): string {
  let result = "";
  const open: Mark[] = [];
  const closeTo = (depth: number): void => {
    for (const mark of open.splice(depth).reverse()) result += syntax.close(mark);
  };
  for (const run of line) {
    const wanted = marksOf(run, syntax.linksInnermost === true);
    const shared = open.findIndex((mark, depth) => mark !== wanted[depth]);
    closeTo(shared === -1 ? open.length : shared);
    for (const mark of wanted.slice(open.length)) {
      result += syntax.open(mark);
      open.push(mark);
    }
    result += syntax.text(run);
  }
  closeTo(0);
  return result;
}

/** From the outermost to the innermost. */
function marksOf(run: Run, linksInnermost: boolean): readonly Mark[] {
  const marks: Mark[] = [];
  if (run.link !== undefined && !linksInnermost) marks.push(run.link);
  if (run.bold === true) marks.push("bold");
  if (run.italic === true) marks.push("italic");
  if (run.strike === true) marks.push("strike");
  if (run.code === true) marks.push("code");
  if (run.link !== undefined && linksInnermost) marks.push(run.link);
  return marks;
}
