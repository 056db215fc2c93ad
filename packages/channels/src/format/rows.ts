import { formatLimits } from "./limits.ts";
import type { Block, Line, ListBlock, ListItem, TableBlock } from "./model.ts";
import { tableText } from "./table.ts";

/** One line of a message: what pieces are made of. */
export interface Row {
  readonly line: Line;
  /** How deep in quotes. */
  readonly quote: number;
  /** Indentation and the item's mark. */
  readonly prefix: string;
  /** Stands for the prefix where the line goes on in another piece. */
  readonly hanging: string;
  /** 1 to 6 for a heading. */
  readonly heading?: number;
  /** Rows of one code block share the object. */
  readonly fence?: Fence;
  /** An empty line stands before it. */
  readonly gap: boolean;
}

export interface Fence {
  readonly language?: string;
  /** Rows that are repeated where the block goes on in another piece. */
  readonly header: readonly Row[];
}

export interface RowOptions {
  readonly bullet: string;
}

/** A document line by line. */
export function rowsOf(blocks: readonly Block[], options: RowOptions): readonly Row[] {
  const layout = new Layout(options);
  layout.blocks(blocks, { quote: 0, indent: "", depth: 0, gap: true });
  return layout.rows;
}

interface Place {
  readonly quote: number;
  readonly indent: string;
  readonly depth: number;
  /** Blocks stand apart. */
  readonly gap: boolean;
}

class Layout {
  readonly rows: Row[] = [];
  readonly #bullet: string;
  /** The mark of an item that has no row yet. */
  #mark: string | undefined;
  #gap = false;

  constructor(options: RowOptions) {
    this.#bullet = options.bullet;
  }

  blocks(blocks: readonly Block[], place: Place): void {
    for (const [index, block] of blocks.entries()) {
      if (index > 0) this.#gap ||= place.gap || block.type !== "list";
      this.#block(block, place);
    }
  }

  #block(block: Block, place: Place): void {
    switch (block.type) {
      case "paragraph":
        for (const line of block.lines) this.#add(line, place);
        break;
      case "heading":
        for (const line of block.lines) this.#add(line, place, { heading: block.depth });
        break;
      case "rule":
        this.#add([{ text: "\u2014\u2014\u2014" }], place);
        break;
      case "code":
        this.#code(block.text.split("\n"), place, block.language);
        break;
      case "table":
        this.#table(block, place);
        break;
      case "quote":
        this.blocks(block.blocks, {
          ...deeper(place),
          quote: place.quote + step(place),
          gap: true,
        });
        break;
      case "list":
        for (const [index, item] of block.items.entries()) {
          if (index > 0) this.#gap ||= block.loose;
          this.#item(item, this.#markOf(block, item, index), place, block.loose);
        }
        break;
      default:
        block satisfies never;
    }
  }

  #item(item: ListItem, mark: string, place: Place, loose: boolean): void {
    this.#flushMark(place);
    this.#mark = place.indent + mark;
    const indent = step(place) === 1 ? place.indent + " ".repeat(indentOf(mark)) : place.indent;
    const inside = { ...deeper(place), indent, gap: loose };
    this.blocks(item.blocks, inside);
    this.#flushMark(inside);
  }

  #markOf(list: ListBlock, item: ListItem, index: number): string {
    const number = list.start === undefined ? "" : `${list.start + index}. `;
    if (item.checked === undefined) return number === "" ? `${this.#bullet} ` : number;
    return `${number}${item.checked ? "\u2611" : "\u2610"} `;
  }

  /** The marks of items that begin with an item or with code stand alone. */
  #flushMark(place: Place): void {
    if (this.#mark !== undefined) this.#add([], place);
  }

  #code(lines: readonly string[], place: Place, language?: string): void {
    this.#flushMark(place);
    const fence: Fence = { header: [], ...(language === undefined ? {} : { language }) };
    for (const text of lines) this.#add([{ text }], place, { fence });
  }

  #table(table: TableBlock, place: Place): void {
    this.#flushMark(place);
    const { header, rows } = tableText(table);
    const repeated: Row[] = [];
    const fence: Fence = { header: repeated };
    for (const text of header) repeated.push(this.#add([{ text }], place, { fence }));
    for (const text of rows) this.#add([{ text }], place, { fence });
  }

  #add(line: Line, place: Place, more?: Pick<Row, "heading" | "fence">): Row {
    const prefix = more?.fence === undefined ? (this.#mark ?? place.indent) : "";
    const hanging = more?.fence === undefined ? place.indent : "";
    const row: Row = { line, quote: place.quote, prefix, hanging, gap: this.#gap, ...more };
    if (more?.fence === undefined) this.#mark = undefined;
    this.#gap = false;
    this.rows.push(row);
    return row;
  }
}

function step(place: Place): 0 | 1 {
  return place.depth < formatLimits.nestingShown ? 1 : 0;
}

function deeper(place: Place): Place {
  return { ...place, depth: place.depth + 1 };
}

function indentOf(mark: string): number {
  return Math.min(mark.length, 3);
}
