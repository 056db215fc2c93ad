import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeEntry,
  decodeRecord,
  encodeEntry,
  encodeRecord,
  framedBytes,
  position,
  sequenceOf,
} from "./records.ts";

describe("a record", () => {
  test("gives back its head and its entries, whatever they are", () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(json, fc.array(json, { maxLength: 20 }), (head, entries) => {
        const encoded = entries.map(encodeEntry);
        const decoded = decodeRecord(encodeRecord(head, encoded), "a record");
        expect(decoded.head).toEqual(decodeEntry(encodeEntry(head)));
        expect(decoded.entries).toEqual(encoded.map((entry) => decodeEntry(entry)));
        expect(decoded.encoded.map((entry) => [...entry])).toEqual(
          encoded.map((entry) => [...entry]),
        );
      }),
    );
  });

  test("grows by exactly the framed bytes of an entry", () => {
    const entry = encodeEntry({ text: "x".repeat(300) });
    const [without, with_] = [encodeRecord(null, []), encodeRecord(null, [entry])];
    expect(with_.byteLength - without.byteLength).toBe(framedBytes(entry));
  });

  test("is refused with a code when it is cut, empty or of another version", () => {
    const record = encodeRecord({ a: 1 }, [encodeEntry("entry"), encodeEntry("another")]);
    const refusal = (bytes: Uint8Array) => {
      try {
        decodeRecord(bytes, "inbox-3 record 7");
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    };
    // Cut between two entries it is a shorter record: the log stores records whole, so that cannot be.
    const withOne = record.byteLength - framedBytes(encodeEntry("another"));
    const wholeEntries = new Set([withOne, withOne - framedBytes(encodeEntry("entry"))]);
    for (let length = 0; length < record.byteLength; length += 1) {
      if (wholeEntries.has(length)) continue;
      expect(refusal(record.subarray(0, length)), `cut at ${length}`).toMatchObject({
        code: "data_corrupt",
        message: expect.stringContaining("inbox-3 record 7"),
      });
    }
    const newer = record.slice();
    newer[0] = 2;
    expect(refusal(newer)).toMatchObject({ code: "home_too_new" });
    newer[0] = 0;
    expect(refusal(newer)).toMatchObject({ code: "data_corrupt" });
  });

  test("survives any bytes: it is read, or refused with a code", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const record = new Uint8Array([1, ...bytes]);
        try {
          decodeRecord(record, "a record");
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "data_corrupt" });
        }
      }),
    );
  });
});

test("positions rise with the sequence first and the index then", () => {
  expect(sequenceOf(position(12, 1_023))).toBe(12);
  expect(position(12, 1_023)).toBeLessThan(position(13, 0));
  expect(Number.isSafeInteger(position(2 ** 41 - 1, 1_023))).toBe(true);
});
