import { formatLimits } from "./limits.ts";
import { lineText, type Line, type Link, type Run } from "./model.ts";

const protocols = new Set(["http:", "https:", "mailto:"]);
const unreserved = /^[A-Za-z0-9\-._~:/?#@!$&()*+,;=%[\]]+$/;

/** The link that an address makes, if it is one that people may be sent to. */
export function safeLink(address: string): Link | undefined {
  if (!URL.canParse(address)) return undefined;
  const parsed = new URL(address);
  if (!protocols.has(parsed.protocol)) return undefined;
  const isWhole = /^(?:https?:\/\/|mailto:)/i.test(address);
  const url = isWhole && unreserved.test(address) ? address : encodeRest(parsed.href);
  return { url };
}

function encodeRest(href: string): string {
  return href.replace(/[^A-Za-z0-9\-._~:/?#@!$&()*+,;=%[\]]/gu, (character) =>
    encodeURIComponent(character).replace("'", "%27"),
  );
}

/**
 * What no link is made of, as it is written out: numbers, other protocols, paths. Undefined for what leads
 * nowhere out of the text, and for scripts and contents.
 */
export function plainTarget(address: string): string | undefined {
  const target = address.trim();
  if (target === "" || /^(?:#|(?:javascript|vbscript|data|blob):)/i.test(target)) return undefined;
  return shownAddress(unreserved.test(target) ? target : encodeRest(target));
}

/** An address as people read it. */
function shownAddress(address: string): string {
  return address.replace(/^(?:mailto|tel):/i, "");
}

/** The text says the address already. */
export function saysAddress(text: string, address: string): boolean {
  const said = text.trim();
  const shown = shownAddress(address);
  return said === address || said === shown || `http://${said}` === shown;
}

/** " (address)", as it stands behind a text. */
export function addressBehind(address: string): readonly Run[] {
  return [{ text: " (" }, { text: address, address: true }, { text: ")" }];
}

const addresses =
  /\b(?:https?:\/\/|www\.)[^\s<>`]+|(?<![\w.+-])[\w.+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+/gi;

/**
 * Plain text, in which addresses are runs of their own, so that nothing in them is escaped. Marks at the
 * end stay in: a backslash behind an address would become a part of it.
 */
export function withAddresses(text: string): Line {
  const runs: Run[] = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(addresses)) {
    runs.push({ text: text.slice(at, index) }, { text: found, address: true });
    at = index + found.length;
  }
  return [...runs, { text: text.slice(at) }].filter((run) => run.text !== "");
}

/** Links whose text is the address itself: nothing in it is escaped. */
export function withBareLinks(line: Line): Line {
  if (!line.some((run) => run.link !== undefined)) return line;
  return linkSpans(line).flatMap(({ link, runs }) =>
    link === undefined || !saysAddress(lineText(runs), link.url)
      ? runs
      : runs.map((run): Run => ({ ...run, address: true })),
  );
}

/**
 * The line with its links written out as "text (address)"; those only that `when` chooses.
 * The addresses themselves become text.
 */
export function linksAsText(
  line: Line,
  when: (text: string, link: Link) => boolean = () => true,
): Line {
  if (!line.some((run) => run.link !== undefined)) return line;
  const runs: Run[] = [];
  let needsSpace = false;
  for (const span of linkSpans(line)) {
    const text = lineText(span.runs);
    if (needsSpace && !/^[\s.,;:!?)\]}'"]/.test(text)) runs.push({ text: " " });
    needsSpace = false;
    if (span.link === undefined || !when(text, span.link)) {
      runs.push(...span.runs);
    } else if (saysAddress(text, span.link.url)) {
      if (/[^\s([{'"]$/.test(runs.at(-1)?.text ?? "")) runs.push({ text: " " });
      runs.push({ text: text.trim(), address: true });
      needsSpace = true;
    } else {
      const plain = span.runs.map(({ link: _, ...run }): Run => run);
      runs.push(...plain, ...addressBehind(shownAddress(span.link.url)));
    }
  }
  return runs;
}

export function tooLongForLink(link: Link): boolean {
  return link.url.length > formatLimits.linkUrlChars;
}

interface LinkSpan {
  readonly link: Link | undefined;
  readonly runs: Run[];
}

/** The line cut where a link begins or ends. */
function linkSpans(line: Line): readonly LinkSpan[] {
  const spans: LinkSpan[] = [];
  for (const run of line) {
    const last = spans.at(-1);
    if (last !== undefined && last.link === run.link) last.runs.push(run);
    else spans.push({ link: run.link, runs: [run] });
  }
  return spans;
}
