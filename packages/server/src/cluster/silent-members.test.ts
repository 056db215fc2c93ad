import { limits, type NodeStatus } from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, test } from "vitest";
import { silentMembers } from "./silent-members.ts";
import { record } from "./testing/test-cluster.ts";

test("a member that was never heard of is silent after a minute, the dead one at once", async () => {
  const clock = createVirtualClock();
  const presences: Record<string, NodeStatus["presence"]> = { alive: "alive", dead: "dead" };
  const isSilent = silentMembers({ clock, presence: (node) => presences[node] ?? "unknown" });
  const seen = (node: string, joinedAt: number) =>
    isSilent({ ...record(node, "store", "https://127.0.0.1:1"), joinedAt });
  const long = clock.now() - 10 * limits.joinedSilenceMs;
  expect(seen("dead", clock.now())).toBe(true);
  // This node has just started, and has not heard of anybody yet.
  expect(seen("ghost", long)).toBe(false);
  await clock.advance(limits.joinedSilenceMs);
  expect(seen("ghost", long)).toBe(true);
  expect(seen("alive", long)).toBe(false);
  expect(seen("new", clock.now() - 1_000)).toBe(false);
});
