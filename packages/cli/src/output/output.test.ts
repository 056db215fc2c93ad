import { HoldfastError } from "@holdfast/core";
import fc from "fast-check";
import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { lineDiff, withContext } from "./line-diff.ts";
import { oneLine, printable } from "./printable.ts";
import { reportError } from "./report-error.ts";
import { resourceDiff } from "./resource-diff.ts";
import { table } from "./table.ts";

describe("lineDiff", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
  it("holds both sides, whatever they are", () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = lineDiff(before, after);
        const side = (sign: string) =>
          diff.filter((line) => line.sign === " " || line.sign === sign).map((line) => line.text);
        expect(side("-")).toEqual(before);
        expect(side("+")).toEqual(after);
      }),
    );
  });

  it("is as short as it can be and shows only what is near a change", () => {
    const before = "abcdefgh".split("");
    const after = "abcdXfgh".split("");
    const shown = withContext(lineDiff(before, after)).map(({ sign, text }) => sign + text);
    expect(shown).toEqual([" …", " c", " d", "-e", "+X", " f", " g", " …"]);
  });

  it("stays fast for texts that have nothing in common", () => {
    const many = (prefix: string) => Array.from({ length: 5_000 }, (_, index) => prefix + index);
    expect(lineDiff(many("a"), many("b"))).toHaveLength(10_000);
  });
});

it("resourceDiff finds no change in the order of fields", () => {
  const before = { kind: "Agent", organization: "o", name: "a", model: "default" } as const;
  const wanted = { model: "default", name: "a", kind: "Agent", organization: "o" } as const;
  const base = { kind: "Agent", organization: "o", name: "a", before } as const;
  const diff = resourceDiff({ ...base, change: "changed" }, wanted);
  expect(diff.filter((line) => line.sign !== " ")).toEqual([]);
  const created = resourceDiff({ kind: "Agent", name: "a", change: "created" }, wanted);
  expect(created.every((line) => line.sign === "+")).toBe(true);
});

it("table aligns, cuts long cells and keeps a cell on one line", () => {
  const columns = [
    { title: "NAME", value: (row: string) => row },
    { title: "LENGTH", value: (row: string) => String(row.length) },
  ];
  const rows = table(columns, ["a\nb", "日本", "x".repeat(100)]);
  expect(rows[1]).toBe(`a b${" ".repeat(60)}3`);
  expect(rows[2]).toBe(`日本${" ".repeat(59)}2`);
  expect(rows[3]).toBe(`${"x".repeat(59)}…   100`);
});

it("printable shows control characters instead of obeying them", () => {
  expect(printable("a\u001b[31m\tb\r\nc\u0007\u009b\u202e")).toBe("a␛[31m\tb\nc␇��");
  expect(oneLine(" a \n b ")).toBe("a b");
});

it("reportError names code, faults, remedy and wait", () => {
  let text = "";
  const stream = new Writable({
    write(piece, _encoding, done) {
      text += String(piece);
      done();
    },
  });
  const details = Array.from({ length: 60 }, (_, index) => ({ path: `a:${index}`, message: "no" }));
  reportError(
    stream,
    new HoldfastError("rate_limited", "Too many.", { details, retryAfterMs: 1_500 }),
  );
  const lines = text.split("\n");
  expect(lines[0]).toBe("error[rate_limited]: Too many.");
  expect(lines[1]).toBe("  a:0: no");
  expect(lines[51]).toBe("  … and 10 more");
  expect(lines[52]).toContain("Try again in 2 s.");
});
