import { limits } from "@holdfast/core";
import type { Faults } from "@holdfast/engine";
import { expect, test } from "vitest";
import { updateExpecting } from "./expected-write.ts";
import { createTestCluster } from "./testing/fixture.ts";

type Outcome = ReturnType<Faults["decide"]>["outcome"];

const value = Uint8Array.of(1);
const writeWith = async (writes: readonly Outcome[], reads: readonly Outcome[] = []) => {
  const on = await createTestCluster();
  const left = { write: [...writes], read: [...reads] };
  const faults: Faults = {
    decide: ({ kind }) => ({ outcome: left[kind as "write" | "read"].shift() ?? "ok" }),
  };
  const revision = updateExpecting(on.view(faults), "authority", "a", value, 0);
  const ended = await revision.catch((thrown) => thrown.code);
  return { ended, stored: (await on.keyValue.get("authority", "a"))?.revision };
};

test("a write whose answer was lost is found, and reported as done", async () => {
  const { ended, stored } = await writeWith(["lose-answer"]);
  expect(ended).toBe(stored);
});

test("a write that was lost is repeated", async () => {
  const { ended, stored } = await writeWith(["lose-request", "lose-request"]);
  expect(ended).toBe(stored);
});

test("a refused write did not happen", async () => {
  expect(await writeWith(["refuse"])).toEqual({ ended: "engine_unavailable", stored: undefined });
});

test("a refusal after a lost answer says nothing about the first try", async () => {
  const refused = Array.from({ length: limits.appendAttempts }, () => "refuse" as const);
  const written = await writeWith(["lose-answer", ...refused]);
  expect(written).toMatchObject({ ended: "append_outcome_unknown", stored: expect.any(Number) });
  const unread = await writeWith(["lose-answer"], ["refuse"]);
  expect(unread).toMatchObject({ ended: "append_outcome_unknown", stored: expect.any(Number) });
});

test("somebody else's write is a conflict", async () => {
  const on = await createTestCluster();
  await on.keyValue.put("authority", "a", Uint8Array.of(2));
  const lost: Faults = { decide: ({ kind }) => ({ outcome: first(kind) }) };
  let writes = 0;
  const first = (kind: string): Outcome =>
    kind === "write" && (writes += 1) === 1 ? "lose-request" : "ok";
  for (const keyValue of [on.keyValue, on.view(lost)])
    await expect(updateExpecting(keyValue, "authority", "a", value, 0)).rejects.toMatchObject({
      code: "revision_conflict",
    });
});
