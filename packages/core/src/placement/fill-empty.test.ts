import { expect, test } from "vitest";
import type { NodeId } from "../ids.ts";
import { fillEmptyNodes } from "./fill-empty.ts";
import { defaultPlacementPolicy } from "./place.ts";
import type { PlacementInput } from "./types.ts";

function input(owners: readonly string[], names: readonly string[]): PlacementInput {
  return {
    nodes: names.map((node) => ({
      node: node as NodeId,
      capacity: 1,
      isAvailable: true,
      zone: "",
      labels: {},
      baseCost: 0,
    })),
    partitions: owners.map((owner, partition) => ({
      partition,
      cost: 1,
      owner: owner as NodeId,
      requires: {},
      isMovable: true,
    })),
    policy: defaultPlacementPolicy,
  };
}

const counts = (owners: readonly string[], names: readonly string[]) => {
  const after = [...owners];
  for (const { partition, to } of fillEmptyNodes(input(owners, names))) after[partition] = to;
  return names.map((name) => after.filter((owner) => owner === name).length);
};

test("a node that has nothing gets its share, from those that have most", () => {
  const four = Array.from({ length: 16 }, (_, number) => `n${(number % 4) + 1}`);
  const shares = counts(four, ["n1", "n2", "n3", "n4", "n5"]);
  expect(shares.at(-1)).toBe(3);
  expect(Math.max(...shares)).toBe(4);
  expect(Math.min(...shares)).toBe(3);
});

test("nothing moves where every node has something, or there is nothing to share", () => {
  expect(fillEmptyNodes(input(["a", "a", "a", "b"], ["a", "b"]))).toEqual([]);
  expect(fillEmptyNodes(input(["a", "b"], ["a", "b", "c"]))).toEqual([]);
});
