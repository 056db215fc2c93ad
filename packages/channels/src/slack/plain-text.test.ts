import { expect, test } from "vitest";
import { toPlainText, usersNamed, withoutLeadingMention } from "./plain-text.ts";

const names = new Map([["U1", "Ada"]]);

test.each([
  ["1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"],
  ["&amp;lt;b&amp;gt;", "&lt;b&gt;"],
  ["<@U1> and <@U2> and <@U3|grace>", "@Ada and @U2 and @grace"],
  ["in <#C1|general> and <#C2>", "in #general and #C2"],
  ["<!here> <!subteam^S1|@ops> <!subteam^S2>", "@here @ops @S2"],
  ["<!date^1392734382^{date}|Feb 18>", "Feb 18"],
  ["<https://example.org/?a=1&amp;b=2>", "https://example.org/?a=1&b=2"],
  ["<https://example.org|the page>", "the page (https://example.org)"],
  ["<mailto:ada@example.org|ada@example.org>", "ada@example.org"],
  ["what somebody typed: &lt;@U1&gt;", "what somebody typed: <@U1>"],
  ["half a \ud83d and a \0", "half a \ufffd and a "],
  ["a lone < and <> stay", "a lone < and <> stay"],
])("%s is read as %s", (text, plain) => {
  expect(toPlainText(text, names)).toBe(plain);
});

test("the mention at the beginning goes, others stay", () => {
  expect(withoutLeadingMention(" <@U9>: hello <@U9>", "U9")).toBe("hello <@U9>");
  expect(withoutLeadingMention("<@U9|bot> hello", "U9")).toBe("hello");
  expect(withoutLeadingMention("hello <@U9>", "U9")).toBe("hello <@U9>");
  expect(withoutLeadingMention("<@U99> hello", "U9")).toBe("<@U99> hello");
});

test("users are named once", () => {
  expect(usersNamed("<@U1> <@W2> <@U1> <@U3|known> &lt;@U4&gt;")).toEqual(["U1", "W2"]);
});
