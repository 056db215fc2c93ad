import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NodeId } from "../ids.ts";
import { defaultPlacementPolicy, planPlacement } from "./place.ts";
import { seededRandom } from "./seeded-random.ts";
import { executed, hottestAfter } from "./testing/optimum.ts";
import { type RandomCluster, randomCluster } from "./testing/random-cluster.ts";
import type { PlacementNode, PlacementPartition, PlacementPolicy } from "./types.ts";

const unlimited: PlacementPolicy = { ...defaultPlacementPolicy, maxMoves: Number.MAX_SAFE_INTEGER };
const eager: PlacementPolicy = { ...unlimited, minGain: 0 };

function node(name: string, more: Partial<PlacementNode> = {}): PlacementNode {
  const usual = { capacity: 1, isAvailable: true, zone: "", labels: {}, baseCost: 0 };
  return { node: name as NodeId, ...usual, ...more };
}

function partition(number: number, more: Partial<PlacementPartition> = {}): PlacementPartition {
  return { partition: number, cost: 0, owner: undefined, requires: {}, isMovable: true, ...more };
}

function fourNodes(): PlacementNode[] {
  return ["a", "b", "c", "d"].map((name) => node(name));
}

function sixteen(more: (number: number) => Partial<PlacementPartition>): PlacementPartition[] {
  return Array.from({ length: 16 }, (_, number) => partition(number, more(number)));
}

function countByNode({ nodes, partitions }: RandomCluster): number[] {
  return nodes.map(({ node }) => partitions.filter(({ owner }) => owner === node).length);
}

describe("spreading", () => {
  test.each([
    ["idle partitions of a fresh cluster", () => ({})],
    ["partitions of equal cost", () => ({ cost: 3 })],
    ["idle partitions that one node has", () => ({ owner: "a" as NodeId })],
  ])("%s: the same number on every node", (_, more) => {
    const cluster = { nodes: fourNodes(), partitions: sixteen(more) };
    const { moves } = planPlacement({ ...cluster, policy: unlimited });
    expect(countByNode(executed(cluster, moves))).toEqual([4, 4, 4, 4]);
  });

  test("base cost that idle partitions do not change keeps none away", () => {
    const nodes = fourNodes().map((one, index) => ({ ...one, baseCost: index }));
    const cluster = { nodes, partitions: sixteen(() => ({})) };
    const { moves } = planPlacement({ ...cluster, policy: unlimited });
    expect(countByNode(executed(cluster, moves))).toEqual([4, 4, 4, 4]);
  });

  test("a dead node's partitions go to all others", () => {
    const nodes = [...fourNodes().slice(0, 3), node("d", { isAvailable: false })];
    const partitions = Array.from({ length: 48 }, (_, number) =>
      partition(number, { cost: 1, owner: nodes[number % 4]?.node }),
    );
    const cluster = { nodes, partitions };
    const { moves } = planPlacement({ ...cluster, policy: defaultPlacementPolicy });
    expect(moves.map(({ from }) => from)).toEqual(Array.from({ length: 12 }, () => "d"));
    expect(countByNode(executed(cluster, moves))).toEqual([16, 16, 16, 0]);
  });

  test("idle partitions beside busy ones are spread by number", () => {
    const partitions = [partition(0, { cost: 5 }), ...sixteen(() => ({})).slice(1)];
    const cluster = { nodes: fourNodes(), partitions };
    const { moves } = planPlacement({ ...cluster, policy: unlimited });
    expect(countByNode(executed(cluster, moves))).toEqual([4, 4, 4, 4]);
  });
});

describe("forced moves", () => {
  test("happen to an overloaded node and without any allowance for moves", () => {
    const nodes = [node("a", { isAvailable: false }), node("b", { baseCost: 100 })];
    const partitions = [partition(0, { cost: 9, owner: "a" as NodeId, isMovable: false })];
    const policy = { ...defaultPlacementPolicy, maxMoves: 0 };
    expect(planPlacement({ nodes, partitions, policy })).toEqual({
      moves: [{ partition: 0, from: "a", to: "b" }],
      unassigned: [],
    });
  });

  test("a partition that no node may have is told", () => {
    const nodes = [node("a"), node("b", { isAvailable: false, labels: { gpu: "yes" } })];
    const partitions = [partition(7, { requires: { gpu: "yes" } }), partition(8)];
    expect(planPlacement({ nodes, partitions, policy: unlimited })).toEqual({
      moves: [{ partition: 8, from: undefined, to: "a" }],
      unassigned: [7],
    });
  });

  test("without any node nothing moves", () => {
    const plan = planPlacement({ nodes: [], partitions: [partition(0)], policy: unlimited });
    expect(plan).toEqual({ moves: [], unassigned: [0] });
  });
});

describe("faulty figures", () => {
  test.each([{ capacity: 0 }, { capacity: Number.NaN }, { baseCost: -1 }])("%o", (more) => {
    const nodes = [node("a", more)];
    expect(() => planPlacement({ nodes, partitions: [], policy: unlimited })).toThrow();
  });

  test("a cost that is no number", () => {
    const partitions = [partition(0, { cost: Number.NaN })];
    expect(() => planPlacement({ nodes: [node("a")], partitions, policy: unlimited })).toThrow();
  });
});

const clusters = fc.integer({ min: 0, max: 1_000_000 }).map(randomCluster);
const policies = fc.record<PlacementPolicy>({
  tolerance: fc.constantFrom(0, 0.1, 0.3),
  minGain: fc.constantFrom(0, 0.05, 0.12),
  maxMoves: fc.constantFrom(0, 1, 4, Number.MAX_SAFE_INTEGER),
});

function mayHave({ nodes }: RandomCluster, { requires }: PlacementPartition): NodeId[] {
  return nodes
    .filter(({ isAvailable }) => isAvailable)
    .filter(({ labels }) => Object.entries(requires).every(([key, value]) => labels[key] === value))
    .map(({ node: name }) => name);
}

describe("every plan", () => {
  test("keeps the constraints and its allowance of moves", () => {
    fc.assert(
      fc.property(clusters, policies, (cluster, policy) => {
        const { moves, unassigned } = planPlacement({ ...cluster, policy });
        const to = new Map(moves.map((move) => [move.partition, move.to]));
        expect(to.size).toBe(moves.length);
        let voluntary = 0;
        for (const one of cluster.partitions) {
          const choices = mayHave(cluster, one);
          const target = to.get(one.partition);
          expect(unassigned.includes(one.partition)).toBe(choices.length === 0);
          if (target !== undefined) expect(choices).toContain(target);
          const isAtHome = one.owner !== undefined && choices.includes(one.owner);
          if (!isAtHome && choices.length > 0) expect(target).toBeDefined();
          if (isAtHome && target !== undefined) {
            expect(one.isMovable).toBe(true);
            expect(target).not.toBe(one.owner);
            voluntary += 1;
          }
        }
        expect(voluntary).toBeLessThanOrEqual(policy.maxMoves);
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  test("is the same whatever the order of its input", () => {
    fc.assert(
      fc.property(clusters, policies, fc.integer(), (cluster, policy, seed) => {
        const random = seededRandom(seed);
        const shuffled = {
          nodes: shuffle(cluster.nodes, random),
          partitions: shuffle(cluster.partitions, random),
        };
        const plan = planPlacement({ ...cluster, policy });
        expect(planPlacement({ ...shuffled, policy })).toEqual(plan);
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  test.each([eager, unlimited])("is followed by an empty one (%o)", (policy) => {
    fc.assert(
      fc.property(clusters, (cluster) => {
        const { moves } = planPlacement({ ...cluster, policy });
        const after = executed(cluster, moves);
        expect(planPlacement({ ...after, policy }).moves).toEqual([]);
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  test("with an allowance of moves leads to an end, never hotter after voluntary moves", () => {
    fc.assert(
      fc.property(clusters, (before) => {
        const policy = { ...eager, maxMoves: 2 };
        let cluster = executed(before, planPlacement({ ...before, policy }).moves);
        for (let round = 0; round < cluster.partitions.length; round += 1) {
          const { moves } = planPlacement({ ...cluster, policy });
          if (moves.length === 0) return;
          const hottest = hottestAfter(cluster, []);
          expect(hottestAfter(cluster, moves)).toBeLessThanOrEqual(hottest * (1 + 1e-9));
          cluster = executed(cluster, moves);
        }
        expect.unreachable("The plans go on.");
      }),
      { numRuns: 50, seed: 4 },
    );
  });

  test("moves nothing for costs that waver by 5%", () => {
    fc.assert(
      fc.property(clusters, fc.integer(), (before, seed) => {
        const random = seededRandom(seed);
        const policy = unlimited;
        const waver = (cost: number) => cost * (0.95 + 0.1 * random());
        const settled = executed(before, planPlacement({ ...before, policy: eager }).moves);
        const cluster = {
          nodes: settled.nodes.map((one) => ({ ...one, baseCost: waver(one.baseCost) })),
          partitions: settled.partitions.map((one) => ({ ...one, cost: waver(one.cost) })),
        };
        expect(planPlacement({ ...cluster, policy }).moves).toEqual([]);
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});

test("256 partitions on 64 nodes are planned within 50 ms", () => {
  const random = seededRandom(5);
  const nodes = Array.from({ length: 64 }, (_, index) =>
    node(`n-${index}`, { capacity: 1 + (index % 3), isAvailable: index > 2, baseCost: random() }),
  );
  const partitions = Array.from({ length: 256 }, (_, number) =>
    partition(number, { cost: 5 * random() ** 2, owner: nodes[Math.floor(random() * 64)]?.node }),
  );
  let bestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 10; run += 1) {
    const start = performance.now();
    planPlacement({ nodes, partitions, policy: eager });
    bestMs = Math.min(bestMs, performance.now() - start);
  }
  expect(bestMs).toBeLessThan(50);
});

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
