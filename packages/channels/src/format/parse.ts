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
import {
  addressBehind,
  plainTarget,
  safeLink,
  saysAddress,
  tooLongForLink,
  withAddresses,
} from "./links.ts";
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

/** Text as it is, without any markup. */
export function plainBlocks(source: string): readonly Block[] {
  return source
    .split(/\n[ \t]*\n\s*/)
    .map((part) => ({ type: "paragraph", lines: part.split("\n").map(withAddresses) }));
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
  const reader = new Reader(root);
  return reader.referredChars > formatLimits.referredChars
    ? plainBlocks(source)
    : reader.blocks(root.children);
}

/** From the parser's tree to ours. */
class Reader {
  readonly #definitions = new Map<string, Definition>();
  /** How often each is referred to. */
  readonly #referenced = new Map<string, number>();

  constructor(root: Root) {
    collectDefinitions(root, this.#definitions, this.#referenced);
  }

  /** What the addresses of all references take when each is written out. */
  get referredChars(): number {
    const entries = [...this.#referenced];
    return entries.reduce((sum, [name, count]) => sum + count * this.#urlOf(name).length, 0);
  }

  blocks(nodes: readonly RootContent[]): readonly Block[] {
    const blocks: Block[] = [];
    let sources: Line[] = [];
    for (const node of nodes) {
      if (node.type !== "definition") {
        blocks.push(...this.#block(node));
        sources = [];
      } else if (!this.#isUsed(node)) {
        if (sources.length === 0) blocks.push({ type: "paragraph", lines: sources });
        sources.push(this.#source(node));
      }
    }
    return blocks;
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

  /** Some link is made of it. */
  #isUsed(node: Definition): boolean {
    const { identifier } = node;
    return this.#referenced.has(identifier) && this.#definitions.get(identifier) === node;
  }

  /** A definition that no link is made of says where something comes from. */
  #source({ label, identifier, url, title }: Definition): Line {
    const lines: Run[][] = [[]];
    addText(lines, `[${label ?? identifier}]: `, {});
    this.#link(url, {}, lines, (inner, into) => addText(into, url, inner));
    if (title) addText(lines, ` "${title}"`, {});
    return joinLines(lines);
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
          this.#link(node.url, style, lines, (inner, into) =>
            this.#inline(node.children, inner, into),
          );
          break;
        case "linkReference":
          this.#link(this.#urlOf(node.identifier), style, lines, (inner, into) =>
            this.#inline(node.children, inner, into),
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

  #link(
    url: string,
    style: RunStyle,
    lines: Run[][],
    inside: (style: RunStyle, lines: Run[][]) => void,
  ): void {
    const link = style.link ?? safeLink(url);
    const inner: Run[][] = [[]];
    if (link !== undefined && !tooLongForLink(link)) {
      inside({ ...style, link }, inner);
      if (textOf(inner) === "") addText(inner, link.url, { ...style, link });
      append(lines, inner);
      return;
    }
    const address = link?.url ?? plainTarget(url);
    inside(style, inner);
    const said = textOf(inner);
    if (address !== undefined && (said === "" || said === url || saysAddress(said, address))) {
      append(lines, [[{ text: address, address: true }]]);
    } else {
      append(lines, inner);
      if (address !== undefined) append(lines, [addressBehind(address)]);
    }
  }

  /** A picture is a link to it. */
  #image(alt: string | null | undefined, url: string, style: RunStyle, lines: Run[][]): void {
    const text = alt?.trim() || safeLink(url)?.url || "";
    this.#link(url, style, lines, (inner, into) => addText(into, text, inner));
  }

  #urlOf(identifier: string): string {
    return this.#definitions.get(identifier)?.url ?? "";
  }
}

/** The first of several with one name counts: the walk goes from the end to the beginning. */
function collectDefinitions(
  root: Root,
  found: Map<string, Definition>,
  referenced: Map<string, number>,
): void {
  const waiting: Nodes[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.type === "definition") found.set(node.identifier, node);
    if (node.type === "linkReference" || node.type === "imageReference") {
      referenced.set(node.identifier, (referenced.get(node.identifier) ?? 0) + 1);
    }
    if ("children" in node) waiting.push(...node.children);
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

/** Goes on in the last line. */
function append(lines: Run[][], more: readonly Line[]): void {
  const [first = [], ...rest] = more;
  lines.at(-1)?.push(...first);
  for (const line of rest) lines.push([...line]);
}

function textOf(lines: readonly Line[]): string {
  return lines.map(lineText).join("");
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
