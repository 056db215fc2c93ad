import { describe, expect, test } from "vitest";
import { htmlToText } from "./html-text.ts";

describe("HTML as text", () => {
  test.each([
    ["a < b and c > d", "a < b and c > d"],
    ["<b>bold</b>  and\n<i>not</i>", "bold and not"],
    ["one<br>two<br/><br>three", "one\ntwo\n\nthree"],
    ["<pre>a\n  b</pre>c", "a\n  b\n\nc"],
    ["<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"],
    ["<a href='https://x.example'>https://x.example</a>", "https://x.example"],
    ["<a href='javascript:alert(1)'>click</a>", "click"],
    ["<a href='https://x.example'>all <br>of <b>this</b></a>", "all\nof this (https://x.example)"],
    ["<pre>a <a href='https://x.example'>x.example</a></pre>", "a x.example"],
    ["<!-- hidden --><head><title>t</title></head>seen<![if mso]>", "seen"],
    ["&#x1F600;&#128512;&unknown;&amp;&#0;", "😀😀&unknown;&\ufffd"],
    ["<style>never ended", "never ended"],
    ["text <b", "text"],
    ["", ""],
  ])("%j", (html, text) => {
    expect(htmlToText(html)).toBe(text);
  });

  test.each([
    "<",
    "<a",
    "<style>",
    "<!--",
    "<blockquote>",
    "&",
    "<a href=x>",
    "</style",
    "<pre>\n",
    "<b>ab </b>",
    "<td>a</td>",
    "<a href=http://x.y/z>q</a>",
  ])("takes time in proportion to its length for many %j", (part) => {
    const begin = performance.now();
    htmlToText(part.repeat(1_000_000 / part.length));
    expect(performance.now() - begin).toBeLessThan(3_000);
  });
});
