import type { Highs } from "highs";
import type { NodeId } from "../../ids.ts";
import type { PlacementMove, PlacementNode, PlacementPartition } from "../types.ts";
import type { RandomCluster } from "./random-cluster.ts";

/** A solve that takes longer is a failed test: no case is left out because it is hard. */
const solveSeconds = 20;

/** Partitions that the solver need not tell apart: as many whole numbers fewer to try. */
interface Group {
  readonly name: string;
  readonly size: number;
  readonly cost: number;
  readonly owner: NodeId | undefined;
  readonly choices: readonly NodeId[];
}

/** True if the solver proves that no assignment keeps every node within `hottest`. */
export function isImpossible(highs: Highs, cluster: RandomCluster, hottest: number): boolean {
  const names = groupsOf(cluster).map(({ name, choices }) => variable(name, choices[0] as NodeId));
  const lines = ["Minimize", ` 0 ${names[0]}`, ...constraints(cluster, hottest), "End"];
  return highs.withModel({ format: "lp", data: lines.join("\n") }, (model) => {
    model.options.set({ output_flag: false, time_limit: solveSeconds });
    model.run();
    return model.getModelStatus() === highs.constants.modelStatus.infeasible;
  });
}

/**
 * The fewest moves, the forced ones included, after which no node is above `hottest`. The solver
 * begins with `start`, which it improves on or proves the best. Undefined if it has no time left.
 */
export function leastMoves(
  highs: Highs,
  cluster: RandomCluster,
  hottest: number,
  start: readonly PlacementMove[],
): number | undefined {
  const moves = groupsOf(cluster).flatMap(({ name, owner, choices }) =>
    choices.filter((node) => node !== owner).map((node) => variable(name, node)),
  );
  const lines = ["Minimize", ` ${moves.join(" + ")}`, ...constraints(cluster, hottest), "End"];
  const values = startValues(cluster, start);
  return highs.withModel({ format: "lp", data: lines.join("\n") }, (model) => {
    model.options.set({ output_flag: false, mip_rel_gap: 0, time_limit: solveSeconds });
    const colValue = new Float64Array(model.getDimensions().numCols);
    for (let column = 0; column < colValue.length; column += 1) {
      colValue[column] = values.get(model.getColName(column)) ?? 0;
    }
    model.setSolution({ colValue });
    model.run();
    const isProved = model.getModelStatus() === highs.constants.modelStatus.optimal;
    return isProved ? Math.round(model.getObjectiveValue()) : undefined;
  });
}

function startValues(cluster: RandomCluster, start: readonly PlacementMove[]) {
  const values = new Map<string, number>();
  const { partitions } = executed(cluster, start);
  for (const [index, { owner }] of partitions.entries()) {
    const before = cluster.partitions[index];
    if (owner === undefined || before === undefined) continue;
    const name = variable(groupName(cluster.nodes, before), owner);
    values.set(name, (values.get(name) ?? 0) + 1);
  }
  return values;
}

/** Every partition on one node that may have it; no node over `hottest`. */
function constraints(cluster: RandomCluster, hottest: number): string[] {
  const groups = groupsOf(cluster);
  const rows = groups.map(({ name, choices, size }) => {
    return ` ${choices.map((node) => variable(name, node)).join(" + ")} = ${size}`;
  });
  const anyVariable = groups.map(({ name, choices }) => variable(name, choices[0] as NodeId))[0];
  for (const { node, capacity, baseCost, isAvailable } of cluster.nodes) {
    const carried = groups.filter(({ choices }) => choices.includes(node));
    if (!isAvailable) continue;
    const sum = carried.map(({ name, cost }) => `${cost.toFixed(9)} ${variable(name, node)}`);
    // A node without choices is a row too: its base cost alone may be over.
    const terms = sum.length > 0 ? sum.join(" + ") : `0 ${anyVariable}`;
    rows.push(` ${terms} <= ${hottest * capacity - baseCost}`);
  }
  const whole = groups.flatMap(({ name, choices, size }) =>
    choices.map((node) => ({ name: variable(name, node), size })),
  );
  const bounds = whole.map(({ name, size }) => ` 0 <= ${name} <= ${size}`);
  const names = whole.map(({ name }) => ` ${name}`);
  return ["Subject To", ...rows, "Bounds", ...bounds, "General", ...names];
}

/** Partitions that no node may have are left out, as the planner leaves them out. */
function groupsOf({ nodes, partitions }: RandomCluster): Group[] {
  const groups = new Map<string, Group>();
  for (const partition of partitions) {
    const name = groupName(nodes, partition);
    const choices = choicesOf(nodes, partition);
    const { cost, owner } = partition;
    const size = (groups.get(name)?.size ?? 0) + 1;
    if (choices.length > 0) groups.set(name, { name, size, cost, owner, choices });
  }
  return [...groups.values()];
}

function choicesOf(nodes: readonly PlacementNode[], partition: PlacementPartition): NodeId[] {
  const { owner, requires, isMovable } = partition;
  const wanted = Object.entries(requires);
  const matching = nodes
    .filter(({ isAvailable }) => isAvailable)
    .filter(({ labels }) => wanted.every(([name, value]) => labels[name] === value))
    .map(({ node }) => node);
  return owner !== undefined && !isMovable && matching.includes(owner) ? [owner] : matching;
}

function groupName(nodes: readonly PlacementNode[], partition: PlacementPartition): string {
  const cost = Math.round(partition.cost * 1e9);
  const owner = partition.owner?.replaceAll("-", "") ?? "none";
  const choices = choicesOf(nodes, partition).map((node) => node.slice(2));
  return `${cost}_${owner}_${choices.join("_")}`;
}

function variable(group: string, node: NodeId): string {
  return `x_${group}_on_${node.replaceAll("-", "")}`;
}

/** Load of the hottest available node after the moves. */
export function hottestAfter(cluster: RandomCluster, moves: readonly PlacementMove[]): number {
  const { partitions } = executed(cluster, moves);
  const loads = cluster.nodes
    .filter(({ isAvailable }) => isAvailable)
    .map(({ node, capacity, baseCost }) => {
      const own = partitions.filter(({ owner }) => owner === node);
      return own.reduce((sum, { cost }) => sum + cost, baseCost) / capacity;
    });
  return Math.max(0, ...loads);
}

export function executed(cluster: RandomCluster, moves: readonly PlacementMove[]): RandomCluster {
  const to = new Map(moves.map((move) => [move.partition, move.to]));
  const partitions = cluster.partitions.map((one) => ({
    ...one,
    owner: to.get(one.partition) ?? one.owner,
  }));
  return { nodes: cluster.nodes, partitions };
}
