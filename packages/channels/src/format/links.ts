import { formatLimits } from "./limits.ts";
import { lineText, type Line, type Link, type Run } from "./model.ts";

const protocols = new Set(["http:", "https:", "mailto:"]);
const unreserved = /^[A-Za-z0-9\-._~:/?#@!$&()*+,;=%[\]]+$/;

/** The link that an address makes, if it is one that people may be sent to. */
export function safeLink(address: string): Link | undefined {
  if (!URL.canParse(address)) return undefined;
  const parsed = new URL(address);
  if (!protocols.has(parsed.protocol)) return undefined;
  const url = unreserved.test(address) ? address : encodeRest(parsed.href);
  return { url };
}

function encodeRest(href: string): string {
  return href.replace(/[^A-Za-z0-9\-._~:/?#@!$&()*+,;=%[\]]/gu, (character) =>
    encodeURIComponent(character).replace("'", "%27"),
  );
}

/** An address as people read it. */
function shownUrl(link: Link): string {
  return link.url.replace(/^mailto:/i, "");
}

/** The text says the address already. */
function isBare(text: string, link: Link): boolean {
  const said = text.trim();
  const shown = shownUrl(link);
  return said === link.url || said === shown || `http://${said}` === shown;
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
    } else if (isBare(text, span.link)) {
      if (/[^\s([{'"]$/.test(runs.at(-1)?.text ?? "")) runs.push({ text: " " });
      runs.push({ text: text.trim(), address: true });
      needsSpace = true;
    } else {
      const plain = span.runs.map(({ link: _, ...run }): Run => run);
      runs.push(
        ...plain,
        { text: " (" },
        { text: shownUrl(span.link), address: true },
        { text: ")" },
      );
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
