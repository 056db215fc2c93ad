import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ContinuationFilter, continuationMessages } from "./continuation.ts";

/** What a consumer sees when `continuation`, cut into chunks, comes behind `sent`. */
function join(sent: string, continuation: readonly string[]): string {
  const filter = new ContinuationFilter(sent);
  return sent + continuation.map((chunk) => filter.push(chunk)).join("") + filter.flush();
}

/** Answers in which no longer stretch occurs twice: each word carries its number. */
const answer = fc
  .array(fc.stringMatching(/^[a-zäß😀.,]{1,8}$/u), { minLength: 2, maxLength: 60 })
  .map((words) => words.map((word, index) => `${word}${index}`).join(" "));

const answerAndCut = answer.chain((full) =>
  fc.record({ full: fc.constant(full), cut: fc.integer({ min: 1, max: full.length - 1 }) }),
);

const chunked = (text: string, sizes: readonly number[]): string[] => {
  const chunks: string[] = [];
  for (let at = 0, index = 0; at < text.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(text.slice(at, at + size));
    at += size;
  }
  return chunks;
};
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });

describe("ContinuationFilter, at any cut and in any chunks", () => {
  test("a continuation that repeats everything", () => {
    fc.assert(
      fc.property(answerAndCut, sizes, ({ full, cut }, by) => {
        expect(join(full.slice(0, cut), chunked(full, by))).toBe(full);
      }),
    );
  });

  test("a continuation that repeats nothing", () => {
    fc.assert(
      fc.property(answerAndCut, sizes, ({ full, cut }, by) => {
        const [sent, rest] = [full.slice(0, cut), full.slice(cut)];
        // With so little sent, going on and beginning again cannot be told apart.
        fc.pre(!rest.startsWith(sent));
        expect(join(sent, chunked(rest, by))).toBe(full);
      }),
    );
  });

  test("a continuation that repeats a tail of at least 12 characters", () => {
    fc.assert(
      fc.property(answerAndCut, sizes, fc.nat(), ({ full, cut }, by, extra) => {
        fc.pre(cut >= 12);
        const overlap = 12 + (extra % (cut - 11));
        expect(join(full.slice(0, cut), chunked(full.slice(cut - overlap), by))).toBe(full);
      }),
    );
  });

  test("nothing that is new gets lost, whatever comes", () => {
    const any = fc.string({ unit: fc.constantFrom("a", "b", " "), maxLength: 60 });
    fc.assert(
      fc.property(any, any, sizes, (sent, rest, by) => {
        const joined = join(sent, chunked(rest, by));
        expect(joined.startsWith(sent)).toBe(true);
        const added = joined.slice(sent.length);
        expect(rest.endsWith(added)).toBe(true);
        const dropped = rest.slice(0, rest.length - added.length);
        expect(sent.startsWith(dropped) || sent.endsWith(dropped)).toBe(true);
      }),
    );
  });
});

describe("ContinuationFilter", () => {
  test("short chance overlaps are kept", () => {
    expect(join("Hel", ["lo there"])).toBe("Hello there");
    expect(join("a\n    ", ["    b"])).toBe("a\n        b");
  });

  test("text that cannot be a repetition goes through at once", () => {
    const filter = new ContinuationFilter("The tide comes in");
    expect(filter.push(" ")).toBe("");
    expect(filter.push("twice")).toBe(" twice");
    expect(filter.push(" a day. The tide")).toBe(" a day. The tide");
  });

  test("an answer that is repeated only in part adds nothing", () => {
    expect(join("The tide comes in twice a day", ["The tide comes in"])).toBe(
      "The tide comes in twice a day",
    );
  });

  test("stays fast on a long text of one letter", () => {
    const sent = "a".repeat(200_000);
    expect(join(sent, chunked(`${sent}b`, [50]))).toBe(`${sent}b`);
  });
});

test("continuationMessages leaves a request alone of which nothing was sent", () => {
  const messages = [{ role: "user", text: "Hi" }] as const;
  expect(continuationMessages(messages, "")).toBe(messages);
  expect(continuationMessages(messages, "Hel")).toMatchObject([
    { role: "user", text: "Hi" },
    { role: "assistant", text: "Hel" },
    { role: "user", text: expect.stringContaining("Go on exactly") },
  ]);
});
