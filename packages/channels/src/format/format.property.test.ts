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
  shownByWhatsApp,
} from "./testing/validators.ts";
import { essential, standsIn, visibleText } from "./testing/visible-text.ts";

interface Shown {
  readonly text: string;
  readonly size: number;
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
      formatTelegram(markdown).map(({ html }) =>
        sized(shownByTelegram(html), (text) => text.length),
      ),
  },
  {
    name: "slack",
    sizeMax: 3_900,
    format: formatSlack,
    show: (markdown) =>
      formatSlack(markdown).map(({ mrkdwn }) => ({
        text: shownBySlack(mrkdwn),
        size: mrkdwn.length,
      })),
  },
  {
    name: "discord",
    sizeMax: 2_000,
    format: formatDiscord,
    show: (markdown) =>
      formatDiscord(markdown).map(({ content }) =>
        sized(shownByDiscord(content), (text) => [...text].length),
      ),
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
    show: (markdown) => [sized(shownByWeb(formatWeb(markdown).html), (text) => text.length)],
  },
  {
    name: "email's text",
    sizeMax: Number.POSITIVE_INFINITY,
    format: formatEmail,
    show: (markdown) => [sized(formatEmail(markdown).text, (text) => text.length)],
  },
];

function sized(text: string, sizeOf: (text: string) => number): Shown {
  return { text, size: sizeOf(text) };
}

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
