/** What a platform shows of a text; each throws where the platform would refuse or misread it. */

const voidTags = new Set(["br", "hr"]);
const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

/** Strict: only these tags, closed in order; only these attributes; only these entities. */
function readHtml(html: string, tags: Readonly<Record<string, RegExp>>): string {
  const open: string[] = [];
  let text = "";
  let at = 0;
  for (const match of html.matchAll(/<(\/?)([a-z0-9]+)((?:\s[^<>]*)?)>/g)) {
    text += readText(html.slice(at, match.index));
    at = match.index + match[0].length;
    const [, closing, name = "", attributes = ""] = match;
    if (closing === "/") {
      if (attributes !== "" || open.pop() !== name) throw new Error(`unbalanced ${match[0]}`);
    } else {
      if (!(tags[name]?.test(attributes) ?? false)) throw new Error(`refused ${match[0]}`);
      if (name === "hr") text += "\u2014";
      if (!voidTags.has(name)) open.push(name);
    }
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join(" ")}`);
  return text + readText(html.slice(at));
}

function readText(text: string): string {
  if (/[<>]/.test(text)) throw new Error(`bare angle bracket in ${text}`);
  return text.replace(/&([a-z]*;)?/g, (entity, name: string | undefined) => {
    const character = named[name?.slice(0, -1) ?? ""];
    if (character === undefined) throw new Error(`unknown entity ${entity}`);
    return character;
  });
}

const none = /^$/;
const telegramTags = {
  b: none,
  i: none,
  s: none,
  pre: none,
  blockquote: none,
  // What leads elsewhere, or to a host without a dot, Telegram drops or takes for something else.
  a: /^ href="https?:\/\/(?:[^"<>\s/?#@]*@)?(?:\[[^"<>\s\]]+\]|[^"<>\s/?#@]+\.)[^"<>\s]*"$/i,
  code: /^(?: class="language-[\w+#.-]+")?$/,
};

export function shownByTelegram(html: string): string {
  if (/<blockquote>(?:(?!<\/blockquote>).)*<blockquote>/s.test(html))
    throw new Error("quote in quote");
  return readHtml(html, telegramTags);
}

const plainWebTags =
  "p h1 h2 h3 h4 h5 h6 pre blockquote ul li table thead tbody tr hr br strong em del";
const webTags: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(plainWebTags.split(" ").map((tag) => [tag, none])),
  ol: /^(?: start="\d+")?$/,
  th: /^(?: align="(?:left|right|center)")?$/,
  td: /^(?: align="(?:left|right|center)")?$/,
  code: /^(?: class="language-[\w+#.-]+")?$/,
  a: /^ href="(?:https?:\/\/|mailto:)[^"<>\s]+" rel="noopener[ a-z]*" target="_blank"$/i,
};

export function shownByWeb(html: string): string {
  return readHtml(html, webTags);
}

export function shownBySlack(mrkdwn: string): string {
  expectFencesClosed(mrkdwn);
  const links = /<((?:https?:\/\/|mailto:)[^|<>\s]+)(?:\|([^<>]+))?>/gi;
  const shown = mrkdwn.replace(links, (_, url: string, label: string | undefined) => {
    if (label !== undefined && /^https?:\S*\u200b\S*$/i.test(label))
      throw new Error(`broken ${label}`);
    return label ?? url;
  });
  const text = shown.replace(/^> /gm, "");
  if (/[<>]/.test(text)) throw new Error(`bare angle bracket in ${text}`);
  if (/&(?!(?:amp|lt|gt);)/.test(mrkdwn)) throw new Error("bare ampersand");
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

export function shownByDiscord(content: string): string {
  expectFencesClosed(content.replace(/^> /gm, ""));
  if (/(?<![\w.+-])@(?:everyone|here)|<(?:@|#|:|a:|t:|\/)/i.test(content))
    throw new Error("mention");
  return content;
}

/** What a reader can copy: characters behind a backslash stand for themselves, as do some that are encoded. */
export function readableOnDiscord(content: string): string {
  return withoutCodes(content.replace(/\\([\\*_~`|[\]<>])/g, "$1"));
}

/** Addresses mean the same with these characters as with their codes. */
export function withoutCodes(text: string): string {
  return text.replaceAll("%28", "(").replaceAll("%29", ")").replaceAll("%40", "@");
}

/** HTML or mrkdwn with what its entities stand for. */
export function withoutEntities(text: string): string {
  return text.replace(/&([a-z]+);/g, (entity, name: string) => named[name] ?? entity);
}

export function shownByWhatsApp(text: string): string {
  expectFencesClosed(text);
  return text;
}

/** Every line that opens a code block has one that closes it. */
function expectFencesClosed(text: string): void {
  if ((text.match(/^```/gm)?.length ?? 0) % 2 !== 0) throw new Error(`open fence in ${text}`);
}

export function shownBySignal(text: string, styles: readonly string[]): string {
  for (const style of styles) {
    const [, start, length] =
      /^(\d+):(\d+):(?:BOLD|ITALIC|STRIKETHROUGH|MONOSPACE)$/.exec(style) ?? [];
    const from = Number(start);
    const to = from + Number(length);
    if (!(to > from && to <= text.length)) throw new Error(`range ${style} of ${text.length}`);
    if (!text.slice(from, to).isWellFormed()) throw new Error(`range ${style} cuts a pair`);
  }
  return text;
}
