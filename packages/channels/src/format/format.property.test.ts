import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTooComplex } from "./guard.ts";
import {
  formatDiscord,
  formatEmail,
  formatSignal,
  formatSlack,
  formatTelegram,
  formatWeb,
  formatWhatsApp,
} from "./index.ts";
import { cleaned } from "./parse.ts";
import { anyMarkdown } from "./testing/markdown.ts";
import {
  shownByDiscord,
  shownBySignal,
  shownBySlack,
  shownByTelegram,
  shownByWeb,
  readableOnDiscord,
  shownByWhatsApp,
  withoutCodes,
  withoutEntities,
} from "./testing/validators.ts";
import {
  addressesIn,
  essential,
  plainAddressesIn,
  standsIn,
  visibleText,
} from "./testing/visible-text.ts";

interface Shown {
  readonly text: string;
  readonly size: number;
  /** With the targets of links. */
  readonly readable: string;
}

interface Platform {
  readonly name: string;
  readonly sizeMax: number;
  /** Throws if the platform would refuse a piece. */
  readonly show: (markdown: string) => readonly Shown[];
  readonly format: (markdown: string) => unknown;
}

const platforms: readonly Platform[] = [
  {
    name: "telegram",
    sizeMax: 4_096,
    format: formatTelegram,
    show: (markdown) =>
      formatTelegram(markdown).map(({ html }) => ({
        ...sized(shownByTelegram(html), (text) => text.length),
        readable: withoutEntities(html),
      })),
  },
  {
    name: "slack",
    sizeMax: 3_900,
    format: formatSlack,
    show: (markdown) =>
      formatSlack(markdown).map(({ mrkdwn }) => ({
        text: shownBySlack(mrkdwn),
        size: mrkdwn.length,
        readable: withoutEntities(mrkdwn),
      })),
  },
  {
    name: "discord",
    sizeMax: 2_000,
    format: formatDiscord,
    show: (markdown) =>
      formatDiscord(markdown).map(({ content }) => ({
        ...sized(shownByDiscord(content), (text) => [...text].length),
        readable: readableOnDiscord(content),
      })),
  },
  {
    name: "whatsapp",
    sizeMax: 4_096,
    format: formatWhatsApp,
    show: (markdown) =>
      formatWhatsApp(markdown).map(({ text }) => sized(shownByWhatsApp(text), (it) => it.length)),
  },
  {
    name: "signal",
    sizeMax: 2_000,
    format: formatSignal,
    show: (markdown) =>
      formatSignal(markdown).map(({ text, styles }) =>
        sized(shownBySignal(text, styles), (it) => Buffer.byteLength(it)),
      ),
  },
  {
    name: "web",
    sizeMax: Number.POSITIVE_INFINITY,
    format: formatWeb,
    show: (markdown) => {
      const { html } = formatWeb(markdown);
      const shown = sized(shownByWeb(html), (text) => text.length);
      return [{ ...shown, readable: withoutEntities(html) }];
    },
  },
  {
    name: "email's text",
    sizeMax: 1_000_000,
    format: formatEmail,
    show: (markdown) => formatEmail(markdown).map(({ text }) => sized(text, (it) => it.length)),
  },
];

function sized(text: string, sizeOf: (text: string) => number): Shown {
  return { text, size: sizeOf(text), readable: text };
}

/** The addresses that are sure to stand whole in one piece: none is glued to more than a piece may hold. */
function addressesOf(source: string): readonly string[] {
  if (isTooComplex(source)) {
    return source
      .split(/\s+/)
      .filter((word) => word.length < wholeChars)
      .flatMap(plainAddressesIn);
  }
  return source.split(/\s+/).some((word) => word.length >= wholeChars) ? [] : addressesIn(source);
}

const wholeChars = 400;

const runs = { numRuns: 200 };

describe.each(platforms)("any Markdown for $name", ({ show, sizeMax, format }) => {
  test("gives pieces that it takes, within its limit, without a loss of text", () => {
    fc.assert(
      fc.property(anyMarkdown, (markdown) => {
        const pieces = show(markdown);
        expect(pieces.length).toBeGreaterThan(0);
        for (const piece of pieces) {
          expect(piece.text.trim()).not.toBe("");
          expect(piece.text.isWellFormed()).toBe(true);
          expect(piece.size).toBeLessThanOrEqual(sizeMax);
        }
        const source = cleaned(markdown);
        const wanted = isTooComplex(source) ? essential(source) : visibleText(source);
        expect(standsIn(wanted, pieces.map((piece) => piece.text).join("\n"))).toBe(true);
        const readable = pieces.map((piece) => withoutCodes(piece.readable)).join("\n");
        for (const address of addressesOf(source)) {
          expect(readable).toContain(withoutCodes(address));
        }
      }),
      runs,
    );
  });

  test("gives the same again, and the same with other line ends", () => {
    fc.assert(
      fc.property(anyMarkdown, (markdown) => {
        const pieces = format(markdown);
        expect(format(markdown)).toEqual(pieces);
        expect(format(cleaned(markdown).replaceAll("\n", "\r\n"))).toEqual(pieces);
      }),
      { numRuns: 50 },
    );
  });
});
