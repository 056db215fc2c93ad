/** A document as every platform's renderer sees it. */
export type Block =
  | ParagraphBlock
  | HeadingBlock
  | CodeBlock
  | QuoteBlock
  | ListBlock
  | TableBlock
  | RuleBlock;

export interface ParagraphBlock {
  readonly type: "paragraph";
  readonly lines: readonly Line[];
}

export interface HeadingBlock {
  readonly type: "heading";
  /** 1 to 6. */
  readonly depth: number;
  readonly lines: readonly Line[];
}

export interface CodeBlock {
  readonly type: "code";
  readonly language?: string;
  readonly text: string;
}

export interface QuoteBlock {
  readonly type: "quote";
  readonly blocks: readonly Block[];
}

export interface ListBlock {
  readonly type: "list";
  /** The first number of an ordered list. */
  readonly start?: number;
  /** Its items stand apart, as paragraphs do. */
  readonly loose: boolean;
  readonly items: readonly ListItem[];
}

export interface ListItem {
  /** Of a task. */
  readonly checked?: boolean;
  readonly blocks: readonly Block[];
}

export interface TableBlock {
  readonly type: "table";
  readonly align: readonly Align[];
  /** The first row is the header. */
  readonly rows: readonly (readonly Line[])[];
}

export type Align = "left" | "right" | "center" | undefined;

export interface RuleBlock {
  readonly type: "rule";
}

/** Text without line breaks. */
export type Line = readonly Run[];

/** Text of one style. */
export interface Run extends RunStyle {
  readonly text: string;
}

export interface RunStyle {
  readonly bold?: true;
  readonly italic?: true;
  readonly strike?: true;
  readonly code?: true;
  /** An address written out: it works only as it is, so it has no style and nothing in it is escaped. */
  readonly address?: true;
  /** Runs of one link share the object. */
  readonly link?: Link;
}

export interface Link {
  /** Checked: http, https or mailto, ASCII, no spaces or quotes. */
  readonly url: string;
}

/** What a message without anything visible says: no platform takes an empty one. */
export const placeholder = "\u2026";

const visible = /[^\s\p{Cc}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;

export function isVisible(text: string): boolean {
  return visible.test(text);
}

export function lineText(line: Line): string {
  return line.length === 1 && line[0] !== undefined
    ? line[0].text
    : line.map((run) => run.text).join("");
}

export function sameStyle(one: RunStyle, other: RunStyle): boolean {
  return (
    one.bold === other.bold &&
    one.italic === other.italic &&
    one.strike === other.strike &&
    one.code === other.code &&
    one.address === other.address &&
    one.link === other.link
  );
}
