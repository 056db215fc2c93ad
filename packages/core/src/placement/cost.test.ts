import { describe, expect, test } from "vitest";
import type { NodeLoad, PartitionLoad } from "../cluster/records.ts";
import type { NodeId } from "../ids.ts";
import { costOf, smoothLoad } from "./cost.ts";
import { defaultPlacementPolicy, planPlacement } from "./place.ts";

const GiB = 2 ** 30;

function partitionLoad(partition: number, more: Partial<PartitionLoad> = {}): PartitionLoad {
  return {
    partition,
    epoch: 1,
    isOpen: true,
    lag: 0,
    activeConversations: 0,
    turnsInFlight: 0,
    turnsPerSecond: 0,
    turnLatencyMs: 0,
    turnLoad: 0,
    ...more,
  };
}

function nodeLoad(more: Partial<NodeLoad> = {}): NodeLoad {
  return {
    cpu: 0.2,
    cores: 2,
    memoryBytes: 1 * GiB,
    memoryLimitBytes: 4 * GiB,
    loopDelayMs: 2,
    turnsInFlight: 0,
    turnCapacity: 100,
    turnLatencyMs: 0,
    turnsPerSecond: 0,
    roundTripMs: 1,
    partitions: [],
    ...more,
  };
}

describe("cost of a partition", () => {
  const cost = (more: Partial<PartitionLoad>, node: Partial<NodeLoad> = {}) =>
    costOf(nodeLoad({ ...node, partitions: [partitionLoad(3, more)] }), 1).partitions.get(3);

  test("idle, it is the same for all and above 0", () => expect(cost({})).toBe(0.25));
  test("its turns count one each", () => {
    expect(cost({ turnLoad: 2.5 })).toBe(2.75);
    expect(cost({ turnLoad: 1, turnsInFlight: 4 })).toBe(4.25);
  });
  test("a backlog counts the turns that work it off in 30 s", () => {
    expect(cost({ lag: 60, turnLatencyMs: 1_000 })).toBe(2.25);
    expect(cost({ lag: 60 }, { turnLatencyMs: 500 })).toBe(1.25);
    expect(cost({ lag: 1e9, turnLatencyMs: 1_000 })).toBe(16.25);
  });
  test("conversations in memory count little", () => {
    expect(cost({ activeConversations: 5_000 })).toBeCloseTo(1.25);
  });
});

describe("capacity of a node", () => {
  const capacity = (more: Partial<NodeLoad>) => costOf(nodeLoad(more), 4).capacity;

  test("without pressure it is what the node declares", () => {
    expect(capacity({})).toBe(4);
    expect(capacity({ cpu: 1.6, memoryBytes: 3.2 * GiB, loopDelayMs: 50, roundTripMs: 50 })).toBe(
      4,
    );
    expect(capacity({ memoryLimitBytes: 0, turnCapacity: 0, turnsInFlight: 9 })).toBe(4);
  });
  test.each<[string, Partial<NodeLoad>, number]>([
    ["CPU at its cores", { cpu: 2 }, 2],
    ["CPU half way", { cpu: 1.8 }, 3],
    ["CPU over its cores", { cpu: 3 }, 2],
    ["memory near its limit", { memoryBytes: 3.9 * GiB }, 1.4],
    ["every turn slot taken", { turnsInFlight: 100 }, 2],
    ["a loop that stalls", { loopDelayMs: 250 }, 2],
    ["an engine that is far", { roundTripMs: 500 }, 2],
    ["everything at once", { cpu: 2, memoryBytes: 4 * GiB, loopDelayMs: 900 }, 1],
  ])("%s", (_, more, expected) => expect(capacity(more)).toBeCloseTo(expected));
});

test("turns that no partition accounts for are the node's base cost", () => {
  const partitions = [partitionLoad(1, { turnsInFlight: 2 }), partitionLoad(2)];
  expect(costOf(nodeLoad({ turnsInFlight: 5, partitions }), 1).baseCost).toBe(3);
  expect(costOf(nodeLoad({ turnsInFlight: 1, partitions }), 1).baseCost).toBe(0);
});

describe("smoothing", () => {
  test("a single spike does nothing, however high", () => {
    const calm = nodeLoad();
    const spike = nodeLoad({ cpu: 2, loopDelayMs: 60_000, roundTripMs: 60_000 });
    const smoothed = smoothLoad(calm, spike, 500);
    expect(costOf(smoothed, 1).capacity).toBe(1);
    expect(costOf(smoothLoad(calm, spike, 3_600_000), 1).capacity).toBe(1);
  });

  test("a lasting change comes through: 63% in 20 s", () => {
    let load = nodeLoad({ partitions: [partitionLoad(0)] });
    const busy = nodeLoad({ cpu: 1.2, partitions: [partitionLoad(0, { turnLoad: 10 })] });
    for (let ms = 0; ms < 20_000; ms += 500) load = smoothLoad(load, busy, 500);
    expect(load.cpu).toBeCloseTo(0.2 + 1 - Math.exp(-1));
    expect(load.partitions[0]?.turnLoad).toBeCloseTo(10 * (1 - Math.exp(-1)));
  });

  test("a partition that came begins with its sample, one that went is forgotten", () => {
    const before = nodeLoad({ partitions: [partitionLoad(0, { turnLoad: 9 })] });
    const sample = nodeLoad({ partitions: [partitionLoad(1, { turnLoad: 4 })] });
    expect(smoothLoad(before, sample, 500).partitions).toEqual(sample.partitions);
  });

  test("time that runs backwards changes nothing", () => {
    expect(smoothLoad(nodeLoad(), nodeLoad({ cpu: 2 }), -5).cpu).toBe(0.2);
  });
});

/**
 * Moving work changes what is measured: what is pressed gets relief, what got it is pressed. The
 * plans must come to rest although the capacities follow them.
 */
test.each([2, 5, 8, 11, 16])("plans come to rest under pressure (%i turns)", (turns) => {
  const nodes = ["a", "b", "c"] as NodeId[];
  const owners: NodeId[] = Array.from({ length: 16 }, () => "a" as NodeId);
  const loads = new Map<NodeId, NodeLoad>();
  const movedInRound: number[] = [];
  for (let second = 0; second < 1_200; second += 1) {
    for (const node of nodes) {
      const own = [...owners.keys()].filter((partition) => owners[partition] === node);
      const loadOf = (partition: number) => (turns * (1 + (partition % 4))) / 40;
      const cpu = Math.min(2, own.reduce((sum, partition) => sum + loadOf(partition), 0) / 3);
      const partitions = own.map((one) => partitionLoad(one, { turnLoad: loadOf(one) }));
      loads.set(node, smoothLoad(loads.get(node), nodeLoad({ cpu, partitions }), 1_000));
    }
    if (second % 10 !== 0) continue;
    const costs = new Map(nodes.map((node) => [node, costOf(loads.get(node) as NodeLoad, 1)]));
    const { moves } = planPlacement({
      nodes: nodes.map((node) => ({
        node,
        capacity: costs.get(node)?.capacity ?? 1,
        baseCost: costs.get(node)?.baseCost ?? 0,
        isAvailable: true,
        zone: "",
        labels: {},
      })),
      partitions: owners.map((owner, partition) => ({
        partition,
        cost: costs.get(owner)?.partitions.get(partition) ?? 0,
        owner,
        requires: {},
        isMovable: true,
      })),
      policy: defaultPlacementPolicy,
    });
    movedInRound.push(moves.length);
    for (const { partition, to } of moves) owners[partition] = to;
  }
  expect(movedInRound.slice(0, 2).some((moved) => moved > 0)).toBe(true);
  expect(movedInRound.slice(30).every((moved) => moved === 0)).toBe(true);
});
