import fc from "fast-check";

/** Words with what is hard about text: other scripts, emoji, combining marks, marks of Markdown. */
const word = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z]{1,9}$/) },
  fc.constantFrom(
    "caf\u00e9",
    "e\u0301\u0302",
    "\u{1f469}\u200d\u{1f469}\u200d\u{1f467}",
    "\u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u65e5\u672c\u8a9e",
    "a<b>&amp;c",
    "</b>",
    "@everyone",
    "<@123>",
    "2*3*4",
    "snake_case_name",
    "\\*x\\*",
    "https://example.org/a_b?c=d&e=(f)",
    "ada@example.org",
    "ada@here.org",
    "https://example.org/_a_/~b*c",
    "```",
    "~~",
    "[x",
    "<script>alert(1)</script>",
    "100%.",
  ),
);

const words = fc.array(word, { minLength: 1, maxLength: 12 }).map((all) => all.join(" "));
const address = fc.constantFrom(
  "https://example.org/",
  "http://example.org/a_b*c",
  "javascript:alert(1)",
  "mailto:ada@example.org",
  "tel:+4930123",
  "ftp://example.org/a_b",
  "http://localhost/*a_b*",
  "#part",
  "https://example.org/?q=%22%3E<x>",
  `https://example.org/${"long".repeat(300)}`,
  "/relative",
);

const { inline } = fc.letrec<{ inline: string; leaf: string }>((tie) => ({
  leaf: words,
  inline: fc.oneof(
    { maxDepth: 4, depthIdentifier: "inline" },
    tie("leaf"),
    tie("inline").map((text) => `**${text}**`),
    tie("inline").map((text) => `*${text}*`),
    tie("inline").map((text) => `~~${text}~~`),
    words.map((text) => `\`${text}\``),
    fc.tuple(tie("inline"), address).map(([text, url]) => `[${text}](${url})`),
    fc.tuple(words, address).map(([text, url]) => `![${text}](${url})`),
    fc.array(tie("inline"), { minLength: 2, maxLength: 4 }).map((all) => all.join(" ")),
    fc.array(tie("inline"), { minLength: 2, maxLength: 3 }).map((all) => all.join("")),
    fc.tuple(tie("inline"), tie("inline")).map(([one, other]) => `${one}\n${other}`),
  ),
}));

const indented = (text: string, by: string): string => text.replaceAll("\n", `\n${by}`);

const { blocks } = fc.letrec<{ blocks: string; block: string }>((tie) => ({
  block: fc.oneof(
    { maxDepth: 3, depthIdentifier: "block" },
    inline,
    fc.tuple(words, fc.integer({ min: 1, max: 150 })).map(([text, n]) => `${text} `.repeat(n)),
    fc
      .tuple(fc.integer({ min: 1, max: 6 }), words)
      .map(([depth, text]) => `${"#".repeat(depth)} ${text}`),
    fc
      .tuple(fc.constantFrom("", "ts", "c++", 'x"y'), words, fc.integer({ min: 0, max: 120 }))
      .map(([language, text, n]) => `\`\`\`\`${language}\n${`${text}\n`.repeat(n)}\`\`\`\``),
    fc
      .array(fc.tuple(words, inline), { minLength: 1, maxLength: 30 })
      .map((rows) =>
        ["|a|b|", "|--|-:|", ...rows.map(([a, b]) => `|${a}|${b.replaceAll("\n", " ")}|`)].join(
          "\n",
        ),
      ),
    tie("blocks").map((text) => `> ${indented(text, "> ")}`),
    fc
      .array(tie("block"), { minLength: 1, maxLength: 4 })
      .map((items) => items.map((text) => `- ${indented(text, "  ")}`).join("\n")),
    fc
      .array(tie("block"), { minLength: 1, maxLength: 3 })
      .map((items) => items.map((text, n) => `${n + 7}. ${indented(text, "   ")}`).join("\n\n")),
    words.map((text) => `- [x] ${text}\n- [ ] ${text}`),
    fc.constant("---"),
    fc.tuple(words, address).map(([text, url]) => `${text} [text][1]\n\n[1]: <${url}> "title"`),
    address.map((url) => `[A]: <${url}>\n[B]: <${url}> "title"`),
    words.map((text) => `text[^1]\n\n[^1]: ${text}`),
  ),
  blocks: fc.array(tie("block"), { minLength: 1, maxLength: 5 }).map((all) => all.join("\n\n")),
}));

const adversarial = fc
  .tuple(
    fc.constantFrom(
      "[",
      "*",
      ">",
      "`",
      "_a ",
      "![",
      "<",
      "a\u0301",
      "\u200d",
      "\ud83d",
      "- ",
      "~~~\n",
      "|a",
      "\\",
      "&#0;",
      "\t",
      "\r",
      "@here ",
      "\u202e",
      "\u2028",
      "\u{1f1e9}",
      "\u0301",
    ),
    fc.integer({ min: 1, max: 6_000 }),
  )
  .map(([unit, count]) => unit.repeat(count));

/** Any Markdown: well-formed, arbitrary characters, and what is meant to break parsers. */
export const anyMarkdown: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: blocks },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 400 }) },
  {
    weight: 2,
    arbitrary: fc.string({
      unit: fc.constantFrom(..."*_~`[]()<>!#-+|\\ \n\ta1.&@:".split("")),
      maxLength: 300,
    }),
  },
  { weight: 1, arbitrary: adversarial },
  { weight: 1, arbitrary: fc.tuple(blocks, adversarial, blocks).map((all) => all.join("\n\n")) },
);
