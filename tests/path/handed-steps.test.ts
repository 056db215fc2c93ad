import { HandedSteps, type NodeId } from "@holdfast/core";
import { createMemoryEngine } from "@holdfast/engine";
import { expect, test } from "vitest";
import { createWorld } from "./path-fixture.ts";

const step = { kind: "model", text: "done" } as never;

function createNodes() {
  const { clock, store, run } = createWorld();
  const start = (node: string) => {
    const { bus, blobStore: blobs } = createMemoryEngine(store, { clock });
    const report = (error: Error) => {
      throw error;
    };
    // Nobody was taken for dead: it must not depend on that.
    const isAlive = () => true;
    return new HandedSteps({ node: node as NodeId, bus, blobs, clock, isAlive, report });
  };
  return { clock, run, start };
}

/** What the node gets for the step, in ms from now. */
async function taken(nodes: ReturnType<typeof createNodes>, by: HandedSteps) {
  const from = nodes.clock.monotonic();
  const found = await nodes.run(by.take("k") ?? Promise.reject(new Error("nobody runs it")));
  return { found, ms: nodes.clock.monotonic() - from };
}

test("a step that runs elsewhere is waited for as long as its node says so", async () => {
  const nodes = createNodes();
  const [old, next] = [nodes.start("n1"), nodes.start("n2")];
  old.promise(["k"]);
  next.expect("n1" as NodeId, ["k"]);
  nodes.clock.schedule(120_000, () => void old.send("n2" as NodeId, "k", step));
  expect(await taken(nodes, next)).toMatchObject({ found: step, ms: 120_000 });
});

test("a node that says nothing any more is not waited for, though nobody took it for dead", async () => {
  const nodes = createNodes();
  const [old, next] = [nodes.start("n1"), nodes.start("n2")];
  old.promise(["k"]);
  next.expect("n1" as NodeId, ["k"]);
  nodes.clock.schedule(60_000, () => old.close());
  const { found, ms } = await taken(nodes, next);
  expect(found).toBeUndefined();
  expect(ms).toBeGreaterThan(65_000);
  expect(ms).toBeLessThan(75_000);
});

test("a node that started again knows nothing of the step, and says so at once", async () => {
  const nodes = createNodes();
  const next = nodes.start("n2");
  next.expect("n1" as NodeId, ["k"]);
  nodes.start("n1");
  const { found, ms } = await taken(nodes, next);
  expect(found).toBeUndefined();
  expect(ms).toBeLessThan(2_000);
});
