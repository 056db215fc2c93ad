import { totalmem } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { createMachineLoad } from "./machine-load.ts";

afterEach(() => vi.restoreAllMocks());

test.each([
  ["no limit", 0, totalmem()],
  ["no limit, as Node.js 24 says it", 2 ** 64, totalmem()],
  ["a limit", 1_000_000, 1_000_000],
])(
  "the memory that may be used is that of the machine, or less: %s",
  (_, constrained, expected) => {
    vi.spyOn(process, "constrainedMemory").mockReturnValue(constrained);
    const machine = createMachineLoad();
    expect(machine.sample().memoryLimitBytes).toBe(expected);
    machine.close();
  },
);
