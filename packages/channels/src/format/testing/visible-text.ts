import type { Nodes } from "mdast";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified, type Processor } from "unified";

/** Raw HTML is shown as it was written. */
function withoutHtml(this: Processor): void {
  const data = this.data();
  (data.micromarkExtensions ??= []).push({ disable: { null: ["htmlFlow", "htmlText"] } });
}

const parser = unified().use(remarkParse).use(remarkGfm).use(withoutHtml);

/** The characters that a reader of the document must find, in order; read apart from the renderers. */
export function visibleText(markdown: string): string {
  const found: string[] = [];
  const waiting: Nodes[] = [parser.parse(markdown.toWellFormed().replace(/\r\n?/g, "\n"))];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.type === "image" || node.type === "imageReference") found.push(node.alt ?? "");
    else if ("value" in node) found.push(node.value.replace(/<br\s*\/?>/gi, ""));
    else if ("children" in node) waiting.push(...[...node.children].reverse());
  }
  return essential(found.join(""));
}

/**
 * The addresses that a reader must find as they are: of links, of pictures outside of links, and of
 * definitions. Those that have to be encoded are left out.
 */
export function addressesIn(markdown: string): readonly string[] {
  const found: string[] = [];
  const waiting: Nodes[] = [parser.parse(markdown)];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.type === "link" || node.type === "definition" || node.type === "image") {
      found.push(node.url);
    }
    if (node.type !== "link" && node.type !== "linkReference" && "children" in node) {
      waiting.push(...node.children);
    }
  }
  return found.filter((url) => usable.test(url)).map(withoutProtocol);
}

const usable =
  /^(?!#|javascript:|data:|vbscript:|blob:|https?:(?!\/\/))[\w.~:/?#@!$&()*+,;=%[\]-]+$/i;

/** Mail, numbers, and what begins with www are shown without it. */
function withoutProtocol(url: string): string {
  return url.replace(/^(?:mailto:|tel:|http:\/\/(?=www\.))/i, "");
}

/** Addresses in a text that is not read as Markdown. */
export function plainAddressesIn(text: string): readonly string[] {
  return text.match(/\bhttps?:\/\/[^\s<>`]+|(?<!\S)[a-z]+@[a-z]+\.org(?!\S)/g) ?? [];
}

/** Letters and digits: what no decoration of a platform adds, and none may take away. */
export function essential(text: string): string {
  return text.replace(
    /[^\p{L}\p{N}\p{M}\p{Extended_Pictographic}]|\p{Default_Ignorable_Code_Point}/gu,
    "",
  );
}

/** Whether the characters of one text stand in the other in their order. */
export function standsIn(wanted: string, text: string): boolean {
  const characters = text[Symbol.iterator]();
  for (const character of wanted) {
    let next = characters.next();
    while (next.done !== true && next.value !== character) next = characters.next();
    if (next.done === true) return false;
  }
  return true;
}
