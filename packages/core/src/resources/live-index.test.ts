import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { AgentRef } from "../ids.ts";
import { openResourceStore } from "./open-resource-store.ts";
import { acme, agent } from "./testing/declared.ts";
import { createCell } from "./testing/fixture.ts";

const bo = { organization: "acme", agent: "bo" } as unknown as AgentRef;

test("a start that is never shown the resources ends with a coded error, and leaves no watch", async () => {
  const clock = createVirtualClock();
  const real = await clock.runUntil(createCell(clock).keyValue());
  let watches = 0;
  const keyValue = {
    ...real,
    async watch() {
      watches += 1;
      return {
        async close() {
          watches -= 1;
        },
      };
    },
  };
  const started = clock.monotonic();
  const opening = openResourceStore({ keyValue, clock }).catch((error: unknown) => error);
  expect(await clock.runUntil(opening)).toMatchObject({ code: "engine_unavailable" });
  expect(clock.monotonic() - started).toBe(limits.resourceLoadTimeoutMs);
  expect(watches).toBe(0);
});

test("a node that may not write sees the resources without having written", async () => {
  const clock = createVirtualClock();
  const cell = createCell(clock);
  const writer = await clock.runUntil(cell.open());
  await clock.runUntil(writer.apply([acme, agent("bo")], {}));
  const real = await clock.runUntil(cell.keyValue());
  const refuse = () => Promise.reject(new HoldfastError("engine_unavailable", "Nobody listens."));
  const keyValue = { ...real, put: refuse, update: refuse, delete: refuse };
  const opening = openResourceStore({ keyValue, clock, mayWrite: false });
  const reader = await clock.runUntil(opening);
  expect(reader.agent(bo)).toEqual(agent("bo"));
  await clock.runUntil(reader.close());
  await clock.runUntil(writer.close());
});

test("on a virtual clock a node reads its own writes while its watch stands still", async () => {
  const clock = createVirtualClock();
  const cell = createCell(clock);
  const deliveryDelayMs = 5_000;
  const faults = {
    decide: () => ({ outcome: "ok", requestMs: 1, answerMs: 1 }) as const,
    deliveryDelayMs: () => deliveryDelayMs,
  };
  const keyValue = await clock.runUntil(cell.keyValue({ faults }));
  const store = await clock.runUntil(openResourceStore({ keyValue, clock }));
  const before = clock.monotonic();
  await clock.runUntil(store.apply([acme, agent("bo")], {}));
  expect(store.agent(bo)).toEqual(agent("bo"));
  expect(clock.monotonic() - before).toBeLessThan(deliveryDelayMs);
  await clock.runUntil(store.delete("Agent", "acme", "bo"));
  expect(store.agent(bo)).toBeUndefined();
  await clock.advance(2 * deliveryDelayMs);
  expect(store.agent(bo)).toBeUndefined();
  expect(store.counts).toMatchObject({ Organization: 1, Provider: 0, Agent: 0 });
  await clock.runUntil(store.close());
});
