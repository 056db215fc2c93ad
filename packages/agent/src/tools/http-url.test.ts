import { describe, expect, test } from "vitest";
import { addToQuery, urlTemplate } from "./http-url.ts";

function filled(template: string, args: Record<string, unknown>): string {
  const read = urlTemplate(template);
  if ("fault" in read) return read.fault;
  const result = read.fill(args);
  if ("fault" in result) return result.fault;
  return `${result.url.href} ${JSON.stringify(result.rest)}`;
}

describe("urlTemplate", () => {
  test("escapes arguments in path and query and leaves the others", () => {
    expect(
      filled("http://h.example.org/a/{id}?q={q}&page={page}", { id: "x/y?#", q: "a&b", more: 1 }),
    ).toBe('http://h.example.org/a/x%2Fy%3F%23?q=a%26b {"more":1}');
  });

  test.each([
    ["http://{host}/a", "in the host"],
    ["http://h.example.org:{port}/a", "in the host"],
    ["http://h{x}.example.org", "in the host"],
    ["http://user:{p}@h.example.org/", "in the host"],
    ["http://user:pass@h.example.org/", "credentials"],
    ["http://h.example.org\\{x}/", "in the host"],
    ["http:///x", "no valid host"],
    ["ftp://h.example.org/{x}", "not an http"],
  ])("refuses %s", (template, why) => {
    expect(filled(template, { host: "evil", port: 1, x: "y", p: "z" })).toContain(why);
  });

  test.each([
    ["..", 'may not become "."'],
    [".", 'may not become "."'],
    ["", "non-empty"],
    [undefined, "non-empty"],
    [{ a: 1 }, "non-empty"],
  ])("refuses %j in the path", (id, why) => {
    expect(filled("http://h.example.org/users/{id}/delete", { id })).toContain(why);
  });

  test("never leaves its origin, whatever the arguments hold", () => {
    for (const id of [
      "@evil.example.org",
      "//evil",
      "\\evil",
      "http://evil",
      "a\u0000b",
      "\ud800",
    ]) {
      expect(filled("http://h.example.org/{id}", { id })).toMatch(/^http:\/\/h\.example\.org\//);
    }
  });

  test("puts lists and objects into the query", () => {
    const url = new URL("http://h.example.org/?a=1");
    addToQuery(url, { list: [1, "b"], object: { c: 2 }, none: null });
    expect(url.search).toBe("?a=1&list=1&list=b&object=%7B%22c%22%3A2%7D");
  });
});
