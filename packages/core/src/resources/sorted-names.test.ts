import fc from "fast-check";
import { expect, test } from "vitest";
import { SortedNames } from "./sorted-names.ts";

const name = fc.stringMatching(/^[ab-]{1,3}$/);

test("names stand in order whatever is added, removed and read in between", () => {
  const step = fc.record({ act: fc.constantFrom("add", "remove", "read"), name });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), name, (steps, start) => {
      const names = new SortedNames();
      const model = new Set<string>();
      for (const step of steps) {
        if (step.act === "add" && !model.has(step.name)) names.add(step.name);
        if (step.act === "add") model.add(step.name);
        if (step.act === "remove") {
          names.remove(step.name);
          model.delete(step.name);
        }
        if (step.act === "read") names.settle();
      }
      const wanted = [...model].sort().filter((one) => one >= start);
      expect([...names.from(start)]).toEqual(wanted);
    }),
    { numRuns: 200 },
  );
});

test("many that arrive together are sorted in among those that are there", () => {
  const names = new SortedNames();
  const many = Array.from({ length: 5_000 }, (_, i) => `n${(i * 7919) % 5_000}`);
  for (const one of many.slice(0, 2_500)) names.add(one);
  names.settle();
  for (const one of many.slice(2_500)) names.add(one);
  expect([...names.from("")]).toEqual([...many].sort());
});
