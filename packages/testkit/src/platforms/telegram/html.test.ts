import { describe, expect, it } from "vitest";
import { parseHtml } from "./html.ts";

type ParsedText = Exclude<ReturnType<typeof parseHtml>, { error: string }>;

describe("the HTML of the fake Telegram", () => {
  it("is read as text with entities, counted in UTF-16 units", () => {
    expect(
      parseHtml('👋 <b>a <i>b</i></b> <a href="https://example.org/?a=1&amp;b">c</a>'),
    ).toEqual({
      text: "👋 a b c",
      entities: [
        { type: "italic", offset: 5, length: 1 },
        { type: "bold", offset: 3, length: 3 },
        { type: "text_link", offset: 7, length: 1, url: "https://example.org/?a=1&b" },
      ],
      complaints: [],
    });
    expect(parseHtml('<pre><code class="language-ts">1 &lt; 2</code></pre>')).toMatchObject({
      text: "1 < 2",
      entities: [{ type: "pre", offset: 0, length: 5 }],
      complaints: [],
    });
    expect(parseHtml("&#128512;&#x1F600;&quot;&gt;")).toMatchObject({ text: '😀😀">' });
  });

  it("is refused where Telegram refuses it", () => {
    for (const [html, error] of [
      ["<b>x", /Can't find end tag corresponding to start tag "b"/],
      ["ü<b>x</i>", /Unmatched end tag at byte offset 6, expected "<\/b>", found "<\/i>"/],
      ["x</b>", /Unexpected end tag at byte offset 1/],
      ["<p>x</p>", /Unsupported start tag "p" at byte offset 0/],
      ["1 < 2", /Unclosed start tag at byte offset 2/],
      ["<span>x</span>", /must have class "tg-spoiler"/],
    ] as const) {
      expect(parseHtml(html), html).toMatchObject({ error: expect.stringMatching(error) });
    }
  });

  it("complains of what Telegram lets pass against its documentation", () => {
    const links = [
      "mailto:ada@example.org",
      "tel:+49",
      "http://localhost/a.b",
      "ftp://example.org",
    ];
    const linked = links.map((url) => `<a href="${url}">x</a>`);
    for (const html of ["a & b", "a > b", "&nbsp;", "<code><b>x</b></code>", ...linked]) {
      expect(parseHtml(html), html).toMatchObject({ complaints: [expect.any(String)] });
    }
    for (const html of linked) expect(parseHtml(html), html).toMatchObject({ entities: [] });
    for (const url of ["http://ada@[::1]:80/", "example.org/a", "tg://user?id=1"]) {
      const [entity] = (parseHtml(`<a href="${url}">x</a>`) as ParsedText).entities;
      expect(entity, url).toMatchObject({ url });
    }
  });
});
