import fc from "fast-check";
import { expect, test } from "vitest";
import { position } from "./records.ts";
import { Watermark } from "./watermark.ts";

test("the watermark is the last record before the first that is open, in any order of work", () => {
  const records = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      records,
      fc.nat({ max: 50 }),
      fc.infiniteStream(fc.nat()),
      (sizes, start, draws) => {
        const watermark = new Watermark(start);
        const open = new Set<number>();
        sizes.forEach((messages, number) => {
          const sequence = start + 1 + number;
          watermark.delivered(sequence, messages);
          for (let index = 0; index < messages; index += 1) open.add(position(sequence, index));
        });
        const expected = () => {
          const [first] = [...open].toSorted((a, b) => a - b);
          return first === undefined ? start + sizes.length : Math.floor(first / 4_096) - 1;
        };
        expect(watermark.value).toBe(expected());
        while (open.size > 0) {
          const at = [...open][(draws.next().value ?? 0) % open.size] ?? 0;
          open.delete(at);
          watermark.done(at);
          expect(watermark.value).toBe(expected());
        }
      },
    ),
  );
});

test("a message is done once, and records come in order", () => {
  const watermark = new Watermark(4);
  watermark.delivered(5, 1);
  expect(() => watermark.delivered(5, 1)).toThrow(/in order/);
  watermark.done(position(5, 0));
  expect(() => watermark.done(position(5, 0))).toThrow(/once/);
});
