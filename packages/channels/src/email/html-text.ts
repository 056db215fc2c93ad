const named: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  ensp: " ",
  emsp: " ",
  thinsp: " ",
  shy: "",
  zwnj: "",
  zwj: "\u200d",
  ndash: "–",
  mdash: "—",
  hellip: "…",
  bull: "•",
  middot: "·",
  lsquo: "‘",
  rsquo: "’",
  sbquo: "‚",
  ldquo: "“",
  rdquo: "”",
  bdquo: "„",
  laquo: "«",
  raquo: "»",
  copy: "©",
  reg: "®",
  trade: "™",
  euro: "€",
  pound: "£",
  yen: "¥",
  cent: "¢",
  sect: "§",
  deg: "°",
  times: "×",
  divide: "÷",
  plusmn: "±",
  larr: "←",
  rarr: "→",
  auml: "ä",
  ouml: "ö",
  uuml: "ü",
  Auml: "Ä",
  Ouml: "Ö",
  Uuml: "Ü",
  szlig: "ß",
  agrave: "à",
  aacute: "á",
  acirc: "â",
  ccedil: "ç",
  egrave: "è",
  eacute: "é",
  ecirc: "ê",
  iacute: "í",
  ntilde: "ñ",
  oacute: "ó",
  ocirc: "ô",
  uacute: "ú",
};

const unseen = new Set(["head", "script", "style", "title", "template", "svg", "noscript"]);
const paragraphs = new Set(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre"]);
/** A tag, its end, a comment or a declaration; "a < b" is text. */
const tagStart = /<(?=[A-Za-z!?]|\/[A-Za-z])/g;

const lines = new Set(["div", "br", "tr", "li", "section", "article", "header", "footer", "hr"]);

/**
 * A mail's HTML as text: lines and paragraphs stay, list items get a dash, quotations a ">", links their
 * address. It never fails, reads from left to right once, and what it gives is not meant to be markup.
 */
export function htmlToText(html: string): string {
  const out = new TextWriter();
  const source = new Source(html);
  let link: string | undefined;
  for (;;) {
    out.write(decodeEntities(source.textBeforeTag()));
    const tag = source.tag();
    if (tag === undefined) return out.text();
    const { name, isEnd } = tag;
    if (unseen.has(name)) {
      if (!isEnd) source.skipElement(name);
    } else if (name === "a") {
      if (isEnd && link !== undefined) out.writeLink(link);
      link = isEnd ? undefined : attribute(tag.source, "href");
      out.beginLink();
    } else if (name === "blockquote") out.quote(isEnd ? -1 : 1);
    else if (name === "td" || name === "th") out.write(" ");
    else if (paragraphs.has(name)) {
      out.breakLines(2);
      if (name === "pre") out.keepLines(!isEnd);
    } else if (name === "br") out.newLine();
    else if (lines.has(name)) {
      out.breakLines(1);
      if (name === "li" && !isEnd) out.write("- ");
    }
  }
}

/** Tags and the text between them. Everything is looked at once, however broken it is. */
class Source {
  readonly #html: string;
  readonly #lower: string;
  #at = 0;
  readonly #withoutEnd = new Set<string>();

  constructor(html: string) {
    this.#html = html;
    // Only ASCII, so that places in both are the same.
    this.#lower = html.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  }

  textBeforeTag(): string {
    const begin = this.#at;
    tagStart.lastIndex = begin;
    const open = tagStart.exec(this.#html);
    this.#at = open === null ? this.#html.length : open.index;
    return this.#html.slice(begin, this.#at);
  }

  tag(): Tag | undefined {
    if (this.#at >= this.#html.length) return undefined;
    const isComment = this.#html.startsWith("<!--", this.#at);
    const close = this.#html.indexOf(isComment ? "-->" : ">", this.#at + 1);
    const source = this.#html.slice(this.#at + 1, close < 0 ? this.#html.length : close);
    this.#at = close < 0 ? this.#html.length : close + (isComment ? 3 : 1);
    const match = /^(\/?)([A-Za-z][A-Za-z0-9:-]*)/.exec(source);
    if (match?.[2] === undefined) return { name: "!", isEnd: false, source: "" };
    return { name: match[2].toLowerCase(), isEnd: match[1] === "/", source };
  }

  skipElement(name: string): void {
    if (this.#withoutEnd.has(name)) return;
    const end = this.#lower.indexOf(`</${name}`, this.#at);
    // An element without an end hides nothing: mails are often cut.
    if (end < 0) this.#withoutEnd.add(name);
    else this.#at = end;
  }
}

class TextWriter {
  readonly #parts: string[] = [];
  /** Only appended to until it is whole: a look at a text that still grows copies all of it. */
  #line = "";
  #endsWithSpace = false;
  /** Of the line, what stands in the link. */
  #linkText = "";
  #depth = 0;
  #keepsLines = false;
  /** Empty lines at the end of what is written. */
  #blank = 2;

  write(text: string): void {
    if (this.#keepsLines) return this.#writeLines(text);
    const flat = text.replace(/[\t\n\f\r ]+/g, " ");
    const more = this.#line === "" || this.#endsWithSpace ? flat.replace(/^ /, "") : flat;
    if (more === "") return;
    this.#line += more;
    this.#linkText += more;
    this.#endsWithSpace = more.endsWith(" ");
  }

  /** Between the beginning and the end of what is written with spaces and newlines of its own. */
  keepLines(keeps: boolean): void {
    this.#keepsLines = keeps;
  }

  #writeLines(text: string): void {
    const [first = "", ...rest] = text.split(/\r?\n/);
    this.#line += first;
    this.#linkText += first;
    for (const line of rest) {
      this.newLine();
      this.#line = line;
      this.#linkText = line;
    }
  }

  beginLink(): void {
    this.#linkText = "";
  }

  /** The link's address, unless its text says it already. */
  writeLink(address: string): void {
    if (!/^https?:\/\//i.test(address)) return;
    const shown = this.#linkText.trim();
    if (shown === "" || address.includes(shown.replace(/…$/, ""))) {
      if (shown === "") this.write(address);
      return;
    }
    this.write(` (${address})`);
  }

  newLine(): void {
    const line = this.#line.trimEnd();
    this.#clearLine();
    this.#blank = line === "" ? this.#blank + 1 : 0;
    // Empty lines of layout tables would fill pages.
    if (this.#blank > 2) return;
    const quoted = `${"> ".repeat(Math.min(this.#depth, 8))}${line}`.trimEnd();
    this.#parts.push(quoted);
  }

  breakLines(count: 1 | 2): void {
    if (this.#line.trim() !== "") this.newLine();
    else this.#clearLine();
    if (count === 2 && this.#blank === 0) this.newLine();
  }

  quote(change: 1 | -1): void {
    this.breakLines(1);
    this.#depth = Math.max(0, this.#depth + change);
  }

  text(): string {
    this.breakLines(1);
    return this.#parts.join("\n").trim();
  }

  #clearLine(): void {
    this.#line = "";
    this.#linkText = "";
    this.#endsWithSpace = false;
  }
}

interface Tag {
  readonly name: string;
  readonly isEnd: boolean;
  readonly source: string;
}

function attribute(source: string, name: string): string | undefined {
  const match = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, "i").exec(
    source,
  );
  const value = match?.[1] ?? match?.[2] ?? match?.[3];
  return value === undefined ? undefined : decodeEntities(value).trim();
}

function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(#[xX]?[0-9A-Fa-f]{1,7}|[A-Za-z]{1,10});?/g, (whole, body: string) => {
    if (!body.startsWith("#")) return named[body] ?? whole;
    const isHex = /^#x/i.test(body);
    const code = Number.parseInt(body.slice(isHex ? 2 : 1), isHex ? 16 : 10);
    const isText = code >= 0x20 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isText || code === 9 || code === 10 ? String.fromCodePoint(code) : "\ufffd";
  });
}
