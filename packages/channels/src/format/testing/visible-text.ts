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

/** Letters and digits: what no decoration of a platform adds, and none may take away. */
export function essential(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{M}\p{Extended_Pictographic}]/gu, "");
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
