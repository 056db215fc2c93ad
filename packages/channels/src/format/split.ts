import { codePointBorder, graphemeBorder } from "./graphemes.ts";
import { isVisible, lineText, type Line, type Run } from "./model.ts";
import type { Row } from "./rows.ts";

export interface Measure {
  /** Whether these rows make a piece that the platform takes. Fewer rows fit if more do. */
  fits(rows: readonly Row[]): boolean;
  /** UTF-16 units of which one piece holds fewer, whatever they are. */
  readonly unitsMax: number;
}

/**
 * Divides rows into pieces that fit. Prefers to end a piece at the end of a paragraph, then of a line,
 * a sentence, a word, and a character as people see it. Code blocks and tables stay whole where one piece
 * holds them. Every piece shows something.
 */
export function splitRows(all: readonly Row[], measure: Measure): readonly (readonly Row[])[] {
  const rows = [...all];
  const pieces: (readonly Row[])[] = [];
  let at = 0;
  while (at < rows.length) {
    const lead = repeatedHeader(rows, at, measure);
    const fitting = countFitting(rows, at, lead, measure);
    const end = at + fitting;
    let piece: readonly Row[];
    if (end === rows.length) {
      piece = rows.slice(at);
      at = end;
    } else {
      const border = rowBorder(rows, at, end, measure);
      const cut = border === undefined ? cutRow(rows, at, end, lead, measure) : undefined;
      if (cut === undefined) {
        const next = border ?? end;
        piece = rows.slice(at, next);
        at = next;
      } else {
        piece = [...rows.slice(at, end), cut.head];
        rows[end] = cut.tail;
        at = end;
      }
    }
    if (piece.some((row) => isVisible(lineText(row.line)) || isVisible(row.prefix))) {
      pieces.push([...lead, ...piece]);
    }
  }
  return pieces;
}

/** A piece that begins inside a table begins with the table's header, if that leaves room for rows. */
function repeatedHeader(rows: readonly Row[], at: number, measure: Measure): readonly Row[] {
  const row = rows[at];
  const header = row?.fence?.header ?? [];
  if (at === 0 || header.length === 0 || row?.fence !== rows[at - 1]?.fence) return [];
  return weightOf(header) * 4 <= measure.unitsMax && !header.includes(row as Row) ? header : [];
}

/** How many rows from `at` fit into one piece. */
function countFitting(
  rows: readonly Row[],
  at: number,
  lead: readonly Row[],
  measure: Measure,
): number {
  let high = 0;
  let weight = 0;
  while (at + high < rows.length) {
    weight += weightOf([rows[at + high] as Row]);
    if (weight > measure.unitsMax + 1) break;
    high += 1;
  }
  const fitsSome = (count: number): boolean =>
    measure.fits([...lead, ...rows.slice(at, at + count)]);
  let low = high;
  for (let step = 1; low > 0 && !fitsSome(low); step *= 2) {
    high = low - 1;
    low = Math.max(0, low - step);
  }
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fitsSome(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * The border between rows where the piece from `at` should end, of which the rows before `end` fit;
 * none if the next row should rather be cut to fill the piece.
 */
function rowBorder(
  rows: readonly Row[],
  at: number,
  end: number,
  measure: Measure,
): number | undefined {
  if (end === at) return undefined;
  const fence = rows[end]?.fence;
  let whole = end;
  if (fence !== undefined) {
    while (whole > at && rows[whole - 1]?.fence === fence) whole -= 1;
    if (whole > at && fitsWhole(rows, whole, measure)) return beforeHeading(rows, at, whole);
  }
  const half = measure.unitsMax / 4;
  let weight = weightOf(rows.slice(at, end));
  let line: number | undefined;
  for (let border = end; border > at && weight >= half; border -= 1) {
    if (rows[border - 1]?.heading === undefined) {
      if (rows[border]?.gap === true) return border;
      line ??= border;
    }
    weight -= weightOf([rows[border - 1] as Row]);
  }
  return line ?? (fence === undefined ? undefined : end);
}

/** The code block that begins at `start` fits into a piece of its own. */
function fitsWhole(rows: readonly Row[], start: number, measure: Measure): boolean {
  let end = start;
  let weight = 0;
  while (rows[end] !== undefined && rows[end]?.fence === rows[start]?.fence) {
    weight += weightOf([rows[end] as Row]);
    if (weight > measure.unitsMax) return false;
    end += 1;
  }
  return measure.fits(rows.slice(start, end));
}

/** A heading goes with what it stands over. */
function beforeHeading(rows: readonly Row[], at: number, border: number): number {
  let before = border;
  while (before - 1 > at && rows[before - 1]?.heading !== undefined) before -= 1;
  return before;
}

interface CutRow {
  readonly head: Row;
  readonly tail: Row;
}

/** Cuts the row at `end` so that its beginning fits behind the rows from `at`. */
function cutRow(
  rows: readonly Row[],
  at: number,
  end: number,
  lead: readonly Row[],
  measure: Measure,
): CutRow | undefined {
  const row = rows[end] as Row;
  const before = [...lead, ...rows.slice(at, end)];
  // One code point more than fits: half of one would look like a border between characters.
  const window = lineText(runsBetween(row.line, 0, measure.unitsMax + 2));
  const fitsTo = (length: number): boolean =>
    measure.fits([...before, { ...row, line: runsBetween(row.line, 0, length) }]);
  let low = 0;
  let high = Math.min(window.length, measure.unitsMax);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fitsTo(middle)) low = middle;
    else high = middle - 1;
  }
  const alone = end === at;
  for (let most = low; most > 0; most -= 1) {
    const length = textBorder(window, most, row.fence !== undefined, alone);
    if (length === 0) break;
    if (fitsTo(length)) return cutAt(row, length);
    most = Math.min(most, length);
  }
  return alone
    ? cutAt(row, Math.max(codePointBorder(window, low), firstCodePoint(window)))
    : undefined;
}

function firstCodePoint(text: string): number {
  return (text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1;
}

const sentenceEnd =
  /[.!?\u2026\u3002\uff01\uff1f]["'\u2019\u201d\u00bb)\]]*\s+|[\u3002\uff01\uff1f]/gu;
const addressBegin = /^[(<]?[a-z]+:\/\//i;

/** The best border at or before `most`; 0 if there is none but inside a character. */
function textBorder(text: string, most: number, isCode: boolean, alone: boolean): number {
  if (most >= text.length) return text.length;
  const fitting = text.slice(0, most);
  if (!isCode) {
    let sentence = 0;
    for (const end of fitting.matchAll(sentenceEnd)) sentence = end.index + end[0].length;
    if (sentence >= most / 2) return sentence;
  }
  let word = /\s/.test(text.charAt(most)) ? most : fitting.search(/\s\S*$/) + 1;
  word = graphemeBorder(text, word);
  if (word >= most / 4 || (word > 0 && (!alone || addressBegin.test(text.slice(word)))))
    return word;
  return alone ? graphemeBorder(text, most) : 0;
}

function cutAt(row: Row, length: number): CutRow {
  const isCode = row.fence !== undefined;
  const head = runsBetween(row.line, 0, length);
  const tail = runsBetween(row.line, length, Number.POSITIVE_INFINITY);
  return {
    head: { ...row, line: isCode ? head : withoutEndSpace(head) },
    tail: {
      ...row,
      line: isCode ? tail : withoutStartSpace(tail),
      prefix: row.hanging,
      gap: false,
    },
  };
}

function runsBetween(line: Line, from: number, to: number): Line {
  const runs: Run[] = [];
  let start = 0;
  for (const run of line) {
    if (start >= to) break;
    const end = start + run.text.length;
    if (end > from) {
      const whole = start >= from && end <= to;
      runs.push(
        whole ? run : { ...run, text: run.text.slice(Math.max(0, from - start), to - start) },
      );
    }
    start = end;
  }
  return runs;
}

function withoutStartSpace(line: Line): Line {
  const [first, ...rest] = line;
  if (first === undefined || first.code === true) return line;
  const text = first.text.trimStart();
  return text === "" ? rest : [{ ...first, text }, ...rest];
}

function withoutEndSpace(line: Line): Line {
  const last = line.at(-1);
  if (last === undefined || last.code === true) return line;
  const text = last.text.trimEnd();
  return text === "" ? line.slice(0, -1) : [...line.slice(0, -1), { ...last, text }];
}

function weightOf(rows: readonly Row[]): number {
  let weight = 0;
  for (const row of rows) {
    weight += 1 + row.prefix.length;
    for (const run of row.line) weight += run.text.length;
  }
  return weight;
}
