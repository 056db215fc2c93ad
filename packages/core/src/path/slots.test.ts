import { expect, test } from "vitest";
import { KeyedSlots, Slots } from "./slots.ts";

test("work runs in order, never more at once than there are slots, also behind failures", async () => {
  const slots = new Slots(3);
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, number) =>
      slots.run(async () => {
        begun.push(number);
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
        if (number % 7 === 0) throw new Error(`${number}`);
        return number;
      }),
    ),
  );
  expect(most).toBe(3);
  expect(begun).toEqual(Array.from({ length: 50 }, (_, number) => number));
  expect(results.filter(({ status }) => status === "rejected")).toHaveLength(8);
  expect(await slots.run(async () => "again")).toBe("again");
});

test("each key has its own places, also after all its work was done", async () => {
  const slots = new KeyedSlots(1);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const work = (key: string) =>
    slots.run(key, async () => {
      begun.push(key);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
  const all = [work("a"), work("a"), work("b")];
  expect(begun).toEqual(["a", "b"]);
  while (begun.length < 3 || ends.length > 0) {
    ends.shift()?.();
    await Promise.resolve();
  }
  await Promise.all(all);
  expect(begun).toEqual(["a", "b", "a"]);
  const again = work("a");
  expect(begun).toEqual(["a", "b", "a", "a"]);
  ends.shift()?.();
  await again;
});
