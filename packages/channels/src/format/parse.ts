import type {
  AlignType,
  Definition,
  List,
  Nodes,
  PhrasingContent,
  Root,
  RootContent,
  Table,
} from "mdast";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified, type Processor } from "unified";
import { isTooComplex } from "./guard.ts";
import { formatLimits } from "./limits.ts";
import { safeLink, tooLongForLink } from "./links.ts";
import {
  isVisible,
  lineText,
  placeholder,
  sameStyle,
  type Align,
  type Block,
  type Line,
  type ListItem,
  type Run,
  type RunStyle,
} from "./model.ts";

/** Raw HTML is text for us, so the parser need not know it. */
function withoutHtml(this: Processor): void {
  const data = this.data();
  (data.micromarkExtensions ??= []).push({ disable: { null: ["htmlFlow", "htmlText"] } });
}

const parser = unified().use(remarkParse).use(remarkGfm).use(withoutHtml).freeze();

/**
 * Reads an agent's Markdown (CommonMark and GFM). What is too long or too deeply nested to be parsed in
 * time is taken as plain text, so nothing is ever lost. At least one block, with something visible in it.
 */
export function parseMarkdown(markdown: string): readonly Block[] {
  const source = cleaned(markdown);
  const blocks = isTooComplex(source) ? plainBlocks(source) : documentBlocks(source);
  return blocks.some(showsSomething)
    ? blocks
    : [{ type: "paragraph", lines: [[{ text: placeholder }]] }];
}

/** What agents write, as every platform takes it: line feeds, no lone surrogates, no control characters. */
export function cleaned(markdown: string): string {
  return (
    markdown
      .toWellFormed()
      .replace(/\r\n?/g, "\n")
      // oxlint-disable-next-line no-control-regex -- control characters are what it removes
      .replace(/[\0-\x08\v\f\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g, "")
  );
}

function plainBlocks(source: string): readonly Block[] {
  return source
    .split(/\n[ \t]*\n\s*/)
    .map((part) => ({ type: "paragraph", lines: part.split("\n").map((text) => [{ text }]) }));
}

function showsSomething(block: Block): boolean {
  switch (block.type) {
    case "paragraph":
    case "heading":
      return block.lines.some((line) => isVisible(lineText(line)));
    case "code":
      return isVisible(block.text);
    case "quote":
      return block.blocks.some(showsSomething);
    case "list":
      return block.items.some(
        (item) => item.checked !== undefined || item.blocks.some(showsSomething),
      );
    case "table":
      return block.rows.some((row) => row.some((cell) => isVisible(lineText(cell))));
    case "rule":
      return true;
    default:
      return block satisfies never;
  }
}

function documentBlocks(source: string): readonly Block[] {
  const root: Root = parser.parse(source);
  return new Reader(root).blocks(root.children);
}

/** From the parser's tree to ours. */
class Reader {
  readonly #definitions = new Map<string, Definition>();

  constructor(root: Root) {
    collectDefinitions(root, this.#definitions);
  }

  blocks(nodes: readonly RootContent[]): readonly Block[] {
    return nodes.flatMap((node) => this.#block(node));
  }

  #block(node: RootContent): readonly Block[] {
    switch (node.type) {
      case "paragraph":
        return [{ type: "paragraph", lines: this.#lines(node.children) }];
      case "heading":
        return [{ type: "heading", depth: node.depth, lines: this.#lines(node.children) }];
      case "blockquote":
        return [{ type: "quote", blocks: this.blocks(node.children) }];
      case "list":
        return [this.#list(node)];
      case "table":
        return [this.#table(node)];
      case "code":
        return [{ type: "code", text: node.value, ...languageOf(node.lang) }];
      case "thematicBreak":
        return [{ type: "rule" }];
      case "footnoteDefinition":
        return footnote(node.identifier, this.blocks(node.children));
      case "definition":
      case "yaml":
        return [];
      default:
        return [{ type: "paragraph", lines: this.#lines([node as PhrasingContent]) }];
    }
  }

  #list(node: List): Block {
    return {
      type: "list",
      ...(node.ordered === true ? { start: node.start ?? 1 } : {}),
      loose: node.spread === true || node.children.some((item) => item.spread === true),
      items: node.children.map(
        (item): ListItem => ({
          ...(typeof item.checked === "boolean" ? { checked: item.checked } : {}),
          blocks: this.blocks(item.children),
        }),
      ),
    };
  }

  #table(node: Table): Block {
    return {
      type: "table",
      align: (node.align ?? []).map(alignOf),
      rows: node.children.map((row) =>
        row.children.map((cell) => joinLines(this.#lines(cell.children))),
      ),
    };
  }

  #lines(nodes: readonly PhrasingContent[]): readonly Line[] {
    const lines: Run[][] = [[]];
    this.#inline(nodes, {}, lines);
    return lines;
  }

  #inline(nodes: readonly PhrasingContent[], style: RunStyle, lines: Run[][]): void {
    for (const node of nodes) {
      switch (node.type) {
        case "text":
        case "html":
          addText(lines, node.value.replace(/<br[ \t]*\/?>/gi, "\n"), style);
          break;
        case "inlineCode":
          addText(lines, node.value.replaceAll("\n", " "), { ...style, code: true });
          break;
        case "break":
          lines.push([]);
          break;
        case "strong":
          this.#inline(node.children, { ...style, bold: true }, lines);
          break;
        case "emphasis":
          this.#inline(node.children, { ...style, italic: true }, lines);
          break;
        case "delete":
          this.#inline(node.children, { ...style, strike: true }, lines);
          break;
        case "link":
          this.#link(node.url, style, lines, (inner) => this.#inline(node.children, inner, lines));
          break;
        case "linkReference":
          this.#link(this.#urlOf(node.identifier), style, lines, (inner) =>
            this.#inline(node.children, inner, lines),
          );
          break;
        case "image":
          this.#image(node.alt, node.url, style, lines);
          break;
        case "imageReference":
          this.#image(node.alt, this.#urlOf(node.identifier), style, lines);
          break;
        case "footnoteReference":
          addText(lines, `[${node.identifier}]`, style);
          break;
        default:
          node satisfies never;
      }
    }
  }

  #link(url: string, style: RunStyle, lines: Run[][], inside: (style: RunStyle) => void): void {
    const link = style.link ?? safeLink(url);
    if (link === undefined) {
      inside(style);
    } else if (tooLongForLink(link)) {
      const before = textLength(lines);
      inside(style);
      if (textLength(lines) - before < link.url.length) addText(lines, ` (${link.url})`, style);
    } else {
      const before = textLength(lines);
      inside({ ...style, link });
      if (textLength(lines) === before) addText(lines, link.url, { ...style, link });
    }
  }

  /** A picture is a link to it. */
  #image(alt: string | null | undefined, url: string, style: RunStyle, lines: Run[][]): void {
    const text = alt?.trim() || safeLink(url)?.url || "";
    this.#link(url, style, lines, (inner) => addText(lines, text, inner));
  }

  #urlOf(identifier: string): string {
    return this.#definitions.get(identifier)?.url ?? "";
  }
}

function collectDefinitions(root: Root, found: Map<string, Definition>): void {
  const waiting: Nodes[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.type === "definition") found.set(node.identifier, node);
    else if ("children" in node) waiting.push(...node.children);
  }
}

function footnote(identifier: string, blocks: readonly Block[]): readonly Block[] {
  const mark: Run = { text: `[${identifier}] ` };
  const [first, ...rest] = blocks;
  if (first?.type !== "paragraph") return [{ type: "paragraph", lines: [[mark]] }, ...blocks];
  const [line = [], ...lines] = first.lines;
  return [{ type: "paragraph", lines: [[mark, ...line], ...lines] }, ...rest];
}

function addText(lines: Run[][], text: string, style: RunStyle): void {
  const parts = text.split("\n");
  for (const [index, part] of parts.entries()) {
    if (index > 0) lines.push([]);
    if (part === "") continue;
    const line = lines.at(-1) ?? [];
    const last = line.at(-1);
    if (last !== undefined && sameStyle(last, style)) {
      line[line.length - 1] = { ...last, text: last.text + part };
    } else {
      line.push({ ...style, text: part });
    }
  }
}

function textLength(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + lineText(line).length, 0);
}

function joinLines(lines: readonly Line[]): Line {
  return lines.flatMap((line, index) => (index === 0 ? line : [{ text: " " }, ...line]));
}

function alignOf(align: AlignType): Align {
  return align ?? undefined;
}

function languageOf(info: string | null | undefined): { readonly language?: string } {
  const language = info?.match(/^[\w+#.-]+/)?.[0].slice(0, formatLimits.languageChars);
  return language === undefined ? {} : { language };
}
