import { commandLimits } from "../limits.ts";

export interface DiffLine {
  readonly sign: " " | "+" | "-";
  readonly text: string;
}

/**
 * The shortest way from one list of lines to another (longest common subsequence). Where both differ
 * over more than `commandLimits.diffLines` lines, all old ones and then all new ones.
 */
export function lineDiff(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start])
    start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const same = (lines: readonly string[]) => lines.map((text): DiffLine => ({ sign: " ", text }));
  const old = before.slice(start, before.length - end);
  const fresh = after.slice(start, after.length - end);
  return [
    ...same(before.slice(0, start)),
    ...middle(old, fresh),
    ...same(before.slice(before.length - end)),
  ];
}

/** Only the changes and the lines around them; a skipped part is one line "…". */
export function withContext(lines: readonly DiffLine[]): DiffLine[] {
  const near = (index: number) =>
    lines
      .slice(
        Math.max(0, index - commandLimits.diffContextLines),
        index + 1 + commandLimits.diffContextLines,
      )
      .some((line) => line.sign !== " ");
  const shown: DiffLine[] = [];
  lines.forEach((line, index) => {
    if (near(index)) shown.push(line);
    else if (shown.at(-1)?.text !== skipped.text) shown.push(skipped);
  });
  return shown;
}

const skipped: DiffLine = { sign: " ", text: "…" };

function middle(old: readonly string[], fresh: readonly string[]): DiffLine[] {
  const limit = commandLimits.diffLines;
  if (old.length > limit || fresh.length > limit) {
    return [...old.map(removed), ...fresh.map(added)];
  }
  const columns = fresh.length + 1;
  // common[i * columns + j]: length of the longest common subsequence of old[i..] and fresh[j..].
  const common = new Uint16Array((old.length + 1) * columns);
  const at = (i: number, j: number) => common[i * columns + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      common[i * columns + j] =
        old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < fresh.length) {
    const [left, right] = [old[i], fresh[j]];
    if (left !== undefined && left === right) {
      lines.push({ sign: " ", text: left });
      i += 1;
      j += 1;
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(removed(left));
      i += 1;
    } else if (right !== undefined) {
      lines.push(added(right));
      j += 1;
    }
  }
  return lines;
}

function removed(text: string): DiffLine {
  return { sign: "-", text };
}

function added(text: string): DiffLine {
  return { sign: "+", text };
}
