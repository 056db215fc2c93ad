/** What Telegram makes of a text in its HTML: https://core.telegram.org/bots/api#html-style */
export type ParsedHtml =
  | {
      readonly text: string;
      readonly entities: readonly ParsedEntity[];
      /** Against the documentation, though Telegram lets it pass. */
      readonly complaints: readonly string[];
    }
  | { readonly error: string };

export interface ParsedEntity {
  readonly type: string;
  readonly offset: number;
  readonly length: number;
  readonly url?: string;
  readonly language?: string;
}

interface OpenTag {
  readonly name: string;
  readonly entity: string | undefined;
  readonly offset: number;
  readonly attributes: Readonly<Record<string, string>>;
}

const entityOfTag: Readonly<Record<string, string>> = {
  b: "bold",
  strong: "bold",
  i: "italic",
  em: "italic",
  u: "underline",
  ins: "underline",
  s: "strikethrough",
  strike: "strikethrough",
  del: "strikethrough",
  a: "text_link",
  code: "code",
  pre: "pre",
  blockquote: "blockquote",
  span: "spoiler",
  "tg-spoiler": "spoiler",
  "tg-emoji": "custom_emoji",
};

const characters: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"' };

export function parseHtml(html: string): ParsedHtml {
  const open: OpenTag[] = [];
  const entities: ParsedEntity[] = [];
  const complaints: string[] = [];
  let text = "";
  let at = 0;
  const byteAt = (index: number) => Buffer.byteLength(html.slice(0, index));

  while (at < html.length) {
    const char = html[at];
    if (char === "&") {
      const match = /^&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/i.exec(html.slice(at, at + 12));
      const decoded = match && decode(match[1], match[2], match[3]);
      if (!match || decoded === undefined) {
        complaints.push("an & that is no entity");
        text += "&";
        at += 1;
      } else {
        text += decoded;
        at += match[0].length;
      }
    } else if (char === "<") {
      const end = endOfTag(html, at);
      if (end < 0) return { error: `Unclosed start tag at byte offset ${byteAt(at)}` };
      const inside = html.slice(at + 1, end);
      const fault = inside.startsWith("/")
        ? close(inside.slice(1).trim().toLowerCase(), byteAt(at))
        : begin(inside, byteAt(at));
      if (fault !== undefined) return { error: fault };
      at = end + 1;
    } else {
      if (char === ">") complaints.push("a > that ends no tag");
      text += char;
      at += 1;
    }
  }
  const left = open.at(-1);
  if (left) return { error: `Can't find end tag corresponding to start tag "${left.name}"` };
  return { text, entities, complaints };

  function begin(inside: string, byte: number): string | undefined {
    const name = /^[a-z0-9-]*/i.exec(inside)?.[0].toLowerCase() ?? "";
    const attributes = attributesOf(inside.slice(name.length));
    if (!attributes) return `Can't parse the attributes of a tag at byte offset ${byte}`;
    if (!Object.hasOwn(entityOfTag, name)) {
      return `Unsupported start tag "${name}" at byte offset ${byte}`;
    }
    if (name === "span" && attributes["class"] !== "tg-spoiler") {
      return `Tag "span" must have class "tg-spoiler" at byte offset ${byte}`;
    }
    const parent = open.at(-1);
    // <pre><code class="language-..."> is one block with its language.
    const isLanguage = name === "code" && parent?.name === "pre" && parent.offset === text.length;
    if (open.some((tag) => tag.name === "code" || tag.name === "pre") && !isLanguage) {
      complaints.push("an entity inside of code");
    }
    if (name === "blockquote" && open.some((tag) => tag.name === "blockquote")) {
      complaints.push("a quotation inside of a quotation");
    }
    const entity = isLanguage ? undefined : entityOfTag[name];
    open.push({ name, entity, offset: text.length, attributes });
    return undefined;
  }

  function close(name: string, byte: number): string | undefined {
    const tag = open.pop();
    if (!tag) return `Unexpected end tag at byte offset ${byte}`;
    if (tag.name !== name) {
      return `Unmatched end tag at byte offset ${byte}, expected "</${tag.name}>", found "</${name}>"`;
    }
    const length = text.length - tag.offset;
    if (tag.entity === undefined || length === 0) return undefined;
    const url = tag.name === "a" ? (tag.attributes["href"] ?? text.slice(tag.offset)) : undefined;
    if (url !== undefined && !isLink(url)) {
      complaints.push("a link that Telegram does not take");
      return undefined;
    }
    entities.push({
      type: tag.entity,
      offset: tag.offset,
      length,
      ...(url === undefined ? {} : { url }),
    });
    return undefined;
  }
}

/** Of other links Telegram shows the text alone, or makes them lead to some host of the web. */
function isLink(url: string): boolean {
  if (/^(?:tg|ton|tonsite):/i.test(url)) return true;
  if (/^(?!https?:\/\/)[a-z][a-z0-9+.-]*:(?!\d)/i.test(url)) return false;
  const host = /^(?:https?:\/\/)?(?:[^/?#@]*@)?(\[|[^/?#:]*)/i.exec(url)?.[1] ?? "";
  return host === "[" || host.includes(".");
}

/** A > inside of an attribute's value ends no tag. */
function endOfTag(html: string, start: number): number {
  let quote = "";
  for (let at = start + 1; at < html.length; at += 1) {
    const char = html[at] ?? "";
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === '"' || char === "'") quote = char;
    else if (char === ">") return at;
    else if (char === "<") return -1;
  }
  return -1;
}

function attributesOf(source: string): Record<string, string> | undefined {
  const attributes: Record<string, string> = {};
  let rest = source.trim();
  while (rest !== "") {
    const match = /^([a-z0-9-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([a-z0-9._-]+)))?\s*/i.exec(rest);
    if (!match?.[1]) return undefined;
    attributes[match[1].toLowerCase()] = unescaped(match[2] ?? match[3] ?? match[4] ?? "");
    rest = rest.slice(match[0].length);
  }
  return attributes;
}

function unescaped(value: string): string {
  return value.replaceAll(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi,
    (whole, decimal?: string, hex?: string, name?: string) => decode(decimal, hex, name) ?? whole,
  );
}

function decode(decimal?: string, hex?: string, name?: string): string | undefined {
  if (name !== undefined) return characters[name.toLowerCase()];
  const point = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
  return point > 0 && point <= 0x10_ff_ff ? String.fromCodePoint(point) : undefined;
}
