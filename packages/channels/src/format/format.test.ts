import { describe, expect, test } from "vitest";
import {
  formatDiscord,
  formatEmail,
  formatSignal,
  formatSlack,
  formatTelegram,
  formatWeb,
  formatWhatsApp,
} from "./index.ts";
import { formatLimits } from "./limits.ts";
import { placeholder } from "./model.ts";
import { cost } from "./testing/cost.ts";

const sample = [
  "## Plan & cost",
  "**bold *both*** ~~gone~~ `a<b` [docs](https://example.org/a_b) https://example.org/x_y",
  "- one\n  1. two\n- [x] done",
  "> said\n> > before",
  "| n | price |\n|---|--:|\n| \u65e5\u672c | 10 |\n| b | 9 |",
  "```ts\na < b && c\n```",
].join("\n\n");

const table = "n    | price\n-----|------\n\u65e5\u672c |    10\nb    |     9";

test("a character beyond the basic plane is whole at the border of two messages", () => {
  const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}";
  for (let before = 0; before < family.length; before += 1) {
    const text = "x".repeat(before) + family.repeat(500);
    for (const { plain } of [...formatTelegram(text), ...formatWhatsApp(text)]) {
      expect(plain.replaceAll(family, "")).toMatch(/^x*$/);
    }
  }
});

describe("a document", () => {
  test("in Telegram's HTML", () => {
    expect(formatTelegram(sample)[0]?.html).toBe(
      [
        "<b>Plan &amp; cost</b>",
        '<b>bold <i>both</i></b> <s>gone</s> <code>a&lt;b</code> <a href="https://example.org/a_b">docs</a> <a href="https://example.org/x_y">https://example.org/x_y</a>',
        "\u2022 one\n  1. two\n\u2611 done",
        "<blockquote>said\n\nbefore</blockquote>",
        `<pre>${table}</pre>`,
        '<pre><code class="language-ts">a &lt; b &amp;&amp; c</code></pre>',
      ].join("\n\n"),
    );
  });

  test("in Slack's mrkdwn", () => {
    expect(formatSlack(sample)[0]?.mrkdwn).toBe(
      [
        "*Plan &amp; cost*",
        "*bold _both_* ~gone~ `a&lt;b` <https://example.org/a_b|docs> <https://example.org/x_y>",
        "\u2022 one\n  1. two\n\u2611 done",
        "> said\n> \n> before",
        `\`\`\`\n${table}\n\`\`\``,
        "```\na &lt; b &amp;&amp; c\n```",
      ].join("\n\n"),
    );
  });

  test("in Discord's Markdown", () => {
    expect(formatDiscord(sample)[0]?.content).toBe(
      [
        "## Plan & cost",
        "**bold _both_** ~~gone~~ `a<b` [docs](https://example.org/a_b) https://example.org/x_y",
        "- one\n  1. two\n\u2611 done",
        "> said\n> \n> before",
        `\`\`\`\n${table}\n\`\`\``,
        "```ts\na < b && c\n```",
      ].join("\n\n"),
    );
  });

  test("in WhatsApp's marks", () => {
    expect(formatWhatsApp(sample)[0]?.text).toContain(
      "*bold _both_* ~gone~ `a<b` docs (https://example.org/a_b) https://example.org/x_y",
    );
  });

  test("for Signal, with ranges", () => {
    const [piece] = formatSignal("a **b *\u{1f600}*** `d`");
    expect(piece).toEqual({
      text: "a b \u{1f600} d",
      styles: ["2:4:BOLD", "4:2:ITALIC", "7:1:MONOSPACE"],
      plain: "a b \u{1f600} d",
    });
  });

  test("for the web and as a mail", () => {
    const { html } = formatWeb(`${sample}\n\n<script>x</script> [a](javascript:x)`);
    expect(html).toContain("&lt;script&gt;x&lt;/script&gt; a</p>");
    expect(html).toContain('<td align="right">10</td>');
    expect(html).toContain('href="https://example.org/a_b" rel="noopener noreferrer nofollow"');
    expect(formatEmail(sample)[0]?.text).toContain("> said\n\n> > before");
  });
});

describe("text that is no markup", () => {
  test("calls nobody on Discord", () => {
    const [piece] = formatDiscord("@everyone <@1> `@here` https://example.org/@everyone <#2>");
    expect(piece?.content).not.toMatch(/@everyone|@here|<[@#]/);
  });

  test("stays text on Discord", () => {
    expect(formatDiscord("<_ada_@example.org>")[0]?.content).toBe("\\_ada\\_@example.org");
    expect(formatDiscord("\\# a \\*b\\* c_d_ \\> e")[0]?.content).toBe(
      "\\# a \\*b\\* c\\_d\\_ \\> e",
    );
  });

  test("of nothing visible is a placeholder", () => {
    for (const markdown of ["", " \n\t", "\u200b", "#", "-"]) {
      expect(formatTelegram(markdown)).toEqual([{ html: placeholder, plain: placeholder }]);
    }
  });
});

/** What every platform's readers have, in one text each. */
function everywhere(markdown: string): readonly string[] {
  return [
    formatTelegram(markdown).map(({ html }) => html),
    formatSlack(markdown).map(({ mrkdwn }) => mrkdwn),
    formatDiscord(markdown).map(({ content }) => content),
    formatWhatsApp(markdown).map(({ text }) => text),
    formatSignal(markdown).map(({ text }) => text),
    [formatWeb(markdown).html],
    formatEmail(markdown).map(({ text }) => text),
  ].map((pieces) => pieces.join("\n"));
}

describe("an address", () => {
  const address = "https://example.org/~ada/_next/a_b?x=*1*";

  test.each([
    ["of many characters", `${"word ".repeat(13_200)}${address}`],
    ["of many items", `- item: ${address}\n`.repeat(2_001)],
    ["of many quotes", `> ${address}\n\n`.repeat(251)],
  ])("in a text %s, which is not read as Markdown, stays as it is", (_, markdown) => {
    for (const text of everywhere(markdown)) expect(text).toContain(address);
  });

  test("of mail stays as it is, too, and calls nobody", () => {
    for (const markdown of ["ada@here.org", `${"word ".repeat(13_200)}_ada_@here.org`]) {
      const mail = markdown.split(" ").at(-1) ?? "";
      for (const text of everywhere(markdown)) expect(text.replaceAll("\\", "")).toContain(mail);
    }
  });

  test("that is its own text can be copied on Slack", () => {
    const [piece] = formatSlack(`${address} www.example.org/_a ada@example.org`);
    expect(piece?.mrkdwn).toBe(
      `<${address.slice(0, -1)}>* <http://www.example.org/_a|www.example.org/_a> <mailto:ada@example.org|ada@example.org>`,
    );
  });

  test("that Telegram takes for no link is written out there", () => {
    const markdown =
      "[Mail](mailto:ada@example.org) [us](http://localhost:80/a.b) [v6](http://[::1]/) [it](http:example.org)";
    expect(formatTelegram(markdown)[0]?.html).toBe(
      'Mail (ada@example.org) us (http://localhost:80/a.b) <a href="http://[::1]/">v6</a> <a href="http://example.org/">it</a>',
    );
  });

  test("that no link is made of is written out behind its text", () => {
    const markdown = "[us](tel:+4930) [f](ftp://example.org/a_b) [chat](tg://x) [page](/docs/x)";
    for (const text of everywhere(markdown)) {
      expect(text.replaceAll("\\", "")).toContain(
        "us (+4930) f (ftp://example.org/a_b) chat (tg://x) page (/docs/x)",
      );
    }
    for (const nothing of ["[a](javascript:x)", "[a](#part)", "![a](data:image/png;base64,AA)"]) {
      for (const text of everywhere(nothing)) expect(text).not.toContain("(");
    }
  });

  test("of a definition that is referred to thousands of times does not make a short text a long one", () => {
    const markdown = `${"[a] ".repeat(8_000)}\n\n[a]: https://e.org/${"x".repeat(30_000)}`;
    for (const text of everywhere(markdown)) {
      expect(text.length).toBeLessThan(3 * markdown.length);
      expect(text).toContain("x".repeat(1_000));
    }
  });

  test("of a definition that nothing refers to is shown", () => {
    const markdown = `see [1] and [2]\n\n[1]: https://a.example.org\n[3]: ${address}/\n[4]: /b "c"`;
    for (const text of everywhere(markdown)) {
      expect(text).toContain("https://a.example.org");
      expect(text).toContain(`${address}/`);
      expect(text).not.toContain("1]: ");
    }
    expect(formatSignal(markdown)[0]?.text).toBe(
      `see 1 (https://a.example.org) and [2]\n\n[3]: ${address}/\n[4]: /b "c"`,
    );
  });

  test("that is too long for a link stands behind its text as it is", () => {
    const long = `https://example.org/${"_a*".repeat(350)}/`;
    for (const text of everywhere(`[${"text ".repeat(300)}](${long})`)) {
      expect(text).toContain(`(${long})`);
    }
  });
});

describe("a mail", () => {
  test("of more text than one may have is several, and loses nothing", () => {
    const words = "some words. ".repeat(210_000).trim();
    const mails = formatEmail(`${words}\n\n<b>end`);
    expect(mails.length).toBe(3);
    for (const { text, html } of mails) {
      expect(text.length).toBeLessThanOrEqual(formatLimits.mailUnits);
      expect(html).toMatch(/^<!doctype html>[^]*<body>\n<p>[^]*<\/p>\n<\/body>\n<\/html>\n$/);
    }
    const all = mails.map(({ text }) => text).join(" ");
    expect(all.replace(/\s+/g, " ").trim() === `${words} <b>end`).toBe(true);
    expect(mails.at(-1)?.html).toContain("&lt;b&gt;end");
  });
});

describe("a long text", () => {
  test("ends its pieces at paragraphs, and keeps a heading with what follows", () => {
    const paragraph = "Words of a sentence. ".repeat(60).trim();
    const pieces = formatDiscord(`${paragraph}\n\n# Next\n\n${paragraph}`);
    expect(pieces.map((piece) => piece.content)).toEqual([paragraph, `# Next\n\n${paragraph}`]);
  });

  test("closes a code block and opens it again in its language", () => {
    const pieces = formatDiscord(`\`\`\`ts\n${"let a = 1;\n".repeat(400)}\`\`\``);
    expect(pieces.length).toBe(3);
    for (const { content } of pieces) expect(content).toMatch(/^```ts\nlet a[^`]*;\n```$/);
  });

  test("closes styles and links and opens them again", () => {
    const pieces = formatTelegram(`**[${"some words ".repeat(600)}end](https://example.org)**`);
    expect(pieces.length).toBe(2);
    for (const { html } of pieces) {
      expect(html).toMatch(/^<a href="https:\/\/example.org"><b>[a-z ]+<\/b><\/a>$/);
    }
  });

  test("keeps a table whole, or repeats its header", () => {
    const rows = (count: number): string => "| cell | other |\n".repeat(count);
    const before = "word ".repeat(300).trim();
    const whole = formatDiscord(`${before}\n\n| a | b |\n|--|--|\n${rows(60)}`);
    expect(whole.map((piece) => piece.content.startsWith("```"))).toEqual([false, true]);
    const cut = formatDiscord(`| a | b |\n|--|--|\n${rows(300)}`);
    for (const { content } of cut) expect(content).toMatch(/^```\na +\| b\n-----/);
    expect(
      cut.map((piece) => piece.content.match(/cell/g)?.length).reduce((a = 0, b = 0) => a + b),
    ).toBe(300);
  });

  test("never cuts a character, unless it is longer than a piece", () => {
    const family = "\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}";
    for (const character of [family, "\u{1f1e9}\u{1f1ea}", "e\u0301\u0302", "\u0645\u064e"]) {
      for (const { content } of formatDiscord(character.repeat(3_000))) {
        expect(content.replaceAll(character, "")).toBe("");
      }
    }
    const zalgo = formatDiscord(`e${"\u0301".repeat(5_000)}`);
    expect(zalgo.map((piece) => piece.content.length)).toEqual([2_000, 2_000, 1_001]);
  });

  test("does not cut an address", () => {
    const address = `https://example.org/${"path/".repeat(150)}`;
    const pieces = formatWhatsApp(`${"word ".repeat(100)}${`${address} `.repeat(20)}`);
    expect(pieces.length).toBeGreaterThan(3);
    for (const { text } of pieces)
      expect(text).toMatch(/^(word |https:\/\/example.org\/(path\/){150}\s?)+$/);
  });
});

describe("what is meant to break parsers", () => {
  const runsOfSpaces = (length: number): string => {
    const unit = `field${" ".repeat(length)}value`;
    return unit.repeat(60_000 / unit.length);
  };

  test.each([formatSlack, formatDiscord, formatWhatsApp])(
    "long runs of spaces take %o hardly longer than single ones",
    (format) => {
      const single = cost(() => format(runsOfSpaces(1)));
      expect(cost(() => format(runsOfSpaces(1_800)))).toBeLessThan(3 * single);
    },
  );

  const units = [
    "[",
    "*",
    "> ",
    "- ",
    "> a\n\n",
    "- a\n",
    "*a **b ",
    "`",
    "| a ",
    "a\n",
    "[a][b]",
    "<",
  ];

  test.each(units)("%j again and again is shown", (unit) => {
    for (const count of [900, 50_000]) {
      expect(formatTelegram(unit.repeat(count)).length).toBeGreaterThan(0);
      expect(formatWeb(unit.repeat(count)).html).not.toBe("");
    }
  });
});
