import type { NodeId } from "@holdfast/core";
import { expect, test } from "vitest";
import { followRemovals } from "./removals.ts";

function membersWithout(...removed: string[]) {
  const listeners: (() => void)[] = [];
  const membership = {
    removed: removed as NodeId[],
    onChange: (listen: () => void) => void listeners.push(listen),
  };
  return {
    membership,
    remove(node: string) {
      membership.removed = [...membership.removed, node as NodeId];
      for (const listen of listeners) listen();
    },
  };
}

test("the removals of others are followed one after the other, the own one once", async () => {
  const members = membersWithout("n1");
  const seen: string[] = [];
  let atWork = 0;
  const settled = Promise.withResolvers<void>();
  followRemovals({
    node: "n3",
    membership: members.membership,
    onOwn: () => void seen.push("own"),
    async onOthers(removed) {
      atWork += 1;
      expect(atWork).toBe(1);
      await Promise.resolve();
      atWork -= 1;
      seen.push(removed.join(" "));
      if (removed.length === 2) settled.resolve();
    },
  });
  members.remove("n2");
  await settled.promise;
  members.remove("n3");
  members.remove("n4");
  expect(seen).toEqual(["n1", "n1 n2", "own"]);
});
