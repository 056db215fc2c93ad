import { expect, test } from "vitest";
import { ParsedCache, type StoredEntry } from "./parsed-cache.ts";
import { storedText } from "./stored-resource.ts";

function entryOf(name: string): StoredEntry {
  const text = storedText({ kind: "Organization", name });
  return { text, revision: 1, parsed: undefined, recent: false };
}
const read = (cache: ParsedCache, entry: StoredEntry, name: string) =>
  cache.read(entry, "Organization", undefined, name);

test("a second read gives the same object, which nobody can change", () => {
  const cache = new ParsedCache();
  const entry = entryOf("a");
  const first = read(cache, entry, "a");
  expect(read(cache, entry, "a")).toBe(first);
  expect(Object.isFrozen(first)).toBe(true);
});

test("the number of parsed entries is bounded, and those in use stay", () => {
  const cache = new ParsedCache(10, 1_000_000);
  const used = entryOf("used");
  const entries = Array.from({ length: 50 }, (_, i) => entryOf(`n${i}`));
  for (const [i, entry] of entries.entries()) {
    read(cache, used, "used");
    read(cache, entry, `n${i}`);
    expect(cache.size).toBeLessThanOrEqual(10);
  }
  expect(used.parsed).toBeDefined();
  expect(entries.filter(({ parsed }) => parsed).length).toBe(9);
});

test("the text of what is parsed is bounded too, also by one that is larger alone", () => {
  const length = entryOf("n0").text.length;
  const cache = new ParsedCache(1_000, 3 * length);
  for (let i = 0; i < 9; i += 1) read(cache, entryOf(`n${i}`), `n${i}`);
  expect(cache.size).toBe(3);
  const large = "x".repeat(63);
  const small = new ParsedCache(1_000, 10);
  expect(read(small, entryOf(large), large).name).toBe(large);
  expect(small.size).toBe(0);
});

test("what was forgotten leaves room and does not pile up", () => {
  const cache = new ParsedCache(10, 1_000_000);
  for (let i = 0; i < 100; i += 1) {
    const entry = entryOf(`n${i}`);
    read(cache, entry, `n${i}`);
    cache.forget(entry);
    expect(entry.parsed).toBeUndefined();
  }
  expect(cache.size).toBeLessThanOrEqual(10);
});
