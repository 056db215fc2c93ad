import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { boundedLines } from "./bounded-lines.ts";
import { cutAnswer, idOfCut, oversizeErrorCode } from "./oversize.ts";

const bounds = { lineBytes: 10, headBytes: 4, tailBytes: 3 };

function collect(chunks: readonly string[]) {
  const seen: unknown[] = [];
  const feed = boundedLines(bounds, {
    line: (text) => seen.push(text),
    cut: (head, tail) => seen.push([head, tail]),
  });
  for (const chunk of chunks) feed(Buffer.from(chunk));
  return seen;
}

describe("boundedLines", () => {
  test("puts lines together however they are chunked", () => {
    expect(collect(["on", "e\ntw", "o\n\nthree\nrest"])).toEqual(["one", "two", "", "three"]);
  });

  test("keeps head and tail of a long line and goes on with the next", () => {
    expect(collect(["abcdefghijk\nnext\n"])).toEqual([["abcd", "ijk"], "next"]);
    expect(collect(["abcdef", "ghijkl", "mn", "o", "\nnext\n"])).toEqual([["abcd", "mno"], "next"]);
  });

  test("holds no more than its limits of a line that does not end", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const limits = { lineBytes: 1_000_000, headBytes: 1_000, tailBytes: 1_000 };
    const lines: unknown[] = [];
    const feed = boundedLines(limits, {
      line: (text) => lines.push(text),
      cut: (head, tail) => lines.push([head.length, tail.length]),
    });
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 800; i++) feed(Buffer.alloc(65_536, "x"));
    // What is let go is freed in the background; what is held never is.
    await vi.waitFor(() => {
      collectGarbage();
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000);
    });
    feed(Buffer.from("\n"));
    expect(lines).toEqual([[1_000, 1_000]]);
  });
});

describe("a message that was cut", () => {
  test("is known by its id at either end", () => {
    expect(idOfCut('{"jsonrpc":"2.0","id":7,"result":{"con', "xx}")).toBe(7);
    expect(idOfCut('{"result":{"content":[{"te', '"}]},"jsonrpc":"2.0","id":"a-1"}')).toBe("a-1");
    expect(idOfCut('{"result":{"content":[{"te', 'ools":[]}}')).toBeUndefined();
  });

  test("becomes an error with the beginning of its text, whole characters only", () => {
    const answer = cutAnswer(1, '{"result":{"content":[{"type":"text","text":"a\\"b\\u00e9\\u00');
    expect(answer).toMatchObject({
      error: { code: oversizeErrorCode, data: { beginning: 'a"bé' } },
    });
  });
});
