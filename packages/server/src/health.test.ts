import type { PartitionStatus } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { NodeHealth } from "./health.ts";

/** Two partitions of another node; the second one is open when it is looked at for the `openAt`-th time. */
function healthOf({ openAt = 1, isCutOff = false, isConnected = true, isExternal = false } = {}) {
  let looks = 0;
  const partition = (number: number, isOpen: boolean) =>
    ({ partition: number, isOpen }) as PartitionStatus;
  const probe = { count: 0 };
  const health = new NodeHealth(
    { isConnected: () => isConnected, serverVersion: "2.14.0" },
    {
      admin: {
        partitions: () => {
          looks += 1;
          return [partition(0, true), partition(1, looks >= openAt)];
        },
      },
      ownership: {
        open: () => [],
        probe: async () => {
          probe.count += 1;
        },
      },
      heartbeats: { isCutOff },
    },
    isExternal,
  );
  return { health, probe, looks: () => looks };
}

const partitionsOf = async ({ health }: ReturnType<typeof healthOf>) => {
  const { checks } = await health.ready();
  return checks.find(({ name }) => name === "partitions");
};

describe("a node is ready", () => {
  test("while a partition is between two owners for a moment", async () => {
    const { health } = healthOf({ openAt: 4 });
    expect(await health.ready()).toMatchObject({ ready: true });
  });

  test("not when a partition stays closed", async () => {
    const closed = healthOf({ openAt: Number.POSITIVE_INFINITY });
    expect(await partitionsOf(closed)).toEqual({
      name: "partitions",
      ok: false,
      detail: "1 of 2 are open, 0 of them here",
    });
  });

  test("not when it is cut off, or its engine is gone: that is said at once", async () => {
    const cutOff = healthOf({ openAt: Number.POSITIVE_INFINITY, isCutOff: true });
    expect(await partitionsOf(cutOff)).toMatchObject({ ok: false, detail: "this node is cut off" });
    expect(cutOff.looks()).toBe(0);
    const gone = healthOf({ openAt: Number.POSITIVE_INFINITY, isConnected: false });
    expect(await gone.health.ready()).toMatchObject({ ready: false });
    expect(gone.looks()).toBe(1);
  });

  test("and whoever asks at the same time, or soon after, gets the same answer", async () => {
    const { health, probe } = healthOf({ openAt: 4 });
    const [one, other] = await Promise.all([health.ready(), health.ready()]);
    expect(other).toBe(one);
    expect(await health.ready()).toBe(one);
    expect(probe.count).toBe(1);
  });
});

test("the engine's writes are said to be synced only where Holdfast has configured it", async () => {
  const engineOf = async (isExternal: boolean) =>
    (await healthOf({ isExternal }).health.ready()).checks[0];
  expect(await engineOf(false)).toEqual({
    name: "engine",
    ok: true,
    detail: "connected to nats-server 2.14.0, sync always",
  });
  expect(await engineOf(true)).toEqual({
    name: "external engine",
    ok: true,
    detail: "connected to nats-server 2.14.0, sync as set there",
  });
});
