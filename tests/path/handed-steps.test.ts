import type { NodeId } from "@holdfast/core";
import { createMemoryEngine, createMemoryStore } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { HandedSteps } from "../../packages/core/src/path/handed-steps.ts";

test("a step is not waited for whose node was dead already when it was named", async () => {
  const clock = createVirtualClock();
  const { bus, blobStore: blobs } = createMemoryEngine(createMemoryStore(), { clock });
  const steps = new HandedSteps({
    node: "n1" as NodeId,
    bus,
    blobs,
    clock,
    isAlive: (node) => node !== "n2",
    report: (error) => {
      throw error;
    },
  });
  steps.expect("n2" as NodeId, ["dead"]);
  steps.expect("n3" as NodeId, ["alive"]);
  const begin = clock.monotonic();
  expect(await clock.runUntil(steps.take("dead") ?? Promise.reject(new Error("none")))).toBe(
    undefined,
  );
  expect(clock.monotonic() - begin).toBeLessThan(5_000);
  expect(steps.take("alive")).toBeDefined();
  steps.close();
});
