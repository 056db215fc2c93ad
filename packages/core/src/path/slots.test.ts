import { expect, test } from "vitest";
import { Slots } from "./slots.ts";

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
