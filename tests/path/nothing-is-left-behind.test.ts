import { Checkpoints } from "@holdfast/core";
import { createMemoryEngine, type Faults } from "@holdfast/engine";
import { expect, test } from "vitest";
import { createWorld, historyOf, message } from "./path-fixture.ts";

test("asking for a conversation while the engine is away leaves nothing in memory", async () => {
  const world = createWorld();
  let isAway = false;
  const faults: Faults = {
    decide: () => ({ outcome: isAway ? "refuse" : "ok" }),
  };
  const engine = createMemoryEngine(world.store, { clock: world.clock, faults });
  const node = await world.start({ engine });
  isAway = true;
  await expect(world.run(historyOf(node, message("")))).rejects.toMatchObject({
    code: "engine_unavailable",
  });
  expect(node.ownership.open().map(({ activeConversations }) => activeConversations)).toEqual([
    0, 0,
  ]);
});

test("a checkpoint that becomes small leaves no blob of its large time behind", async () => {
  const world = createWorld();
  const engine = createMemoryEngine(world.store, { clock: world.clock });
  await world.run(engine.provision({ logs: [], buckets: ["checkpoints"] }));
  const put: string[] = [];
  const blobs = {
    ...engine.blobStore,
    get: (key: string) => engine.blobStore.get(key),
    delete: (key: string) => engine.blobStore.delete(key),
    put: (key: string, data: Uint8Array) => {
      put.push(key);
      return engine.blobStore.put(key, data);
    },
  };
  const checkpoints = new Checkpoints(engine.keyValue, blobs);
  const key = "acme/echo/c1";
  const { state } = await world.run(checkpoints.load(key));
  const large = { index: 0, id: "m1" as never, role: "user", text: "x".repeat(400_000), at: 1 };
  state.tail.push(large as never);
  const revision = await world.run(checkpoints.save(key, state, 0));
  state.tail.splice(0);
  state.journaled = 7;
  await world.run(checkpoints.save(key, state, revision));
  expect(put).toHaveLength(1);
  expect(await world.run(engine.blobStore.get(put[0] ?? ""))).toBeUndefined();
});
