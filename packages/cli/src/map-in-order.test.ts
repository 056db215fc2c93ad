import { describe, expect, it } from "vitest";
import { mapInOrder } from "./map-in-order.ts";

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) yield number;
}

describe("mapInOrder", () => {
  it("keeps the order, whichever is ready first, and no more than so many under way", async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const mapped = mapInOrder(numbers(7), 3, async (number) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        most = Math.max(most, waiting.length);
        // The newest goes on first, as soon as all that may have begun.
        if (waiting.length === 3 || number === 6)
          for (const go of waiting.splice(0).toReversed()) go();
      });
      return number;
    });
    const seen: number[] = [];
    for await (const number of mapped) seen.push(number);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });

  it("throws a failure in its place, after those before it", async () => {
    const seen: number[] = [];
    const read = async () => {
      const mapped = mapInOrder(numbers(5), 3, async (number) => {
        if (number === 1) throw new Error("no");
        return number;
      });
      for await (const number of mapped) seen.push(number);
    };
    await expect(read()).rejects.toThrow("no");
    expect(seen).toEqual([0]);
  });
});
