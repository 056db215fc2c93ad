import highsModule, { type Highs } from "highs";
import type { NodeId } from "../../ids.ts";
import type { PlacementMove, PlacementNode, PlacementPartition } from "../types.ts";
import type { RandomCluster } from "./random-cluster.ts";

/** Most proofs take milliseconds, a few a second. */
const solveSeconds = 5;

/** Partitions that the solver need not tell apart: as many whole numbers fewer to try. */
interface Group {
  readonly name: string;
  readonly size: number;
  readonly cost: number;
  readonly owner: NodeId | undefined;
  readonly choices: readonly NodeId[];
}

export function loadSolver(): Promise<Highs> {
  // Its types describe the CommonJS build, where the loader is a property; we get the module's.
  const load = highsModule as unknown as typeof highsModule.default;
  return load();
}

export interface Wish {
  /** No node may be over this. */
  readonly hottest: number;
  /** Forced ones included; without it as many as one likes. */
  readonly moves?: number;
}

/**
 * Whether the solver proves that no assignment is like this, by mixed-integer programming;
 * undefined if it had not the time to tell.
 */
export function isImpossible(
  highs: Highs,
  cluster: RandomCluster,
  wish: Wish,
): boolean | undefined {
  const groups = groupsOf(cluster);
  const rows = constraints(cluster, wish.hottest);
  if (wish.moves !== undefined) {
    const moves = groups.flatMap(({ name, owner, choices }) =>
      choices.filter((node) => node !== owner).map((node) => variable(name, node)),
    );
    rows.splice(1, 0, ` ${moves.join(" + ")} <= ${wish.moves}`);
  }
  const objective = ["Minimize", ` 0 ${anyVariable(groups)}`];
  const data = [...objective, ...rows, "End"].join("\n");
  const isProved = (presolve: "on" | "off"): boolean | undefined =>
    highs.withModel({ format: "lp", data }, (model) => {
      model.options.set({ output_flag: false, time_limit: solveSeconds, presolve });
      model.run();
      const { infeasible, optimal } = highs.constants.modelStatus;
      const status = model.getModelStatus();
      if (status === infeasible) return true;
      return status === optimal ? false : undefined;
    });
  try {
    return isProved("on");
  } catch (cause) {
    // Presolve breaks on a few models, which the solver then calls an error of its own.
    if (!(cause instanceof highs.errors.HighsError)) throw cause;
    return isProved("off");
  }
}

function anyVariable([group]: readonly Group[]): string {
  const node = group?.choices[0];
  return group === undefined || node === undefined ? "x_none" : variable(group.name, node);
}

/** Every partition on one node that may have it; no node over `hottest`. */
function constraints(cluster: RandomCluster, hottest: number): string[] {
  const groups = groupsOf(cluster);
  const rows = groups.map(({ name, choices, size }) => {
    return ` ${choices.map((node) => variable(name, node)).join(" + ")} = ${size}`;
  });
  for (const { node, capacity, baseCost, isAvailable } of cluster.nodes) {
    const carried = groups.filter(({ choices }) => choices.includes(node));
    if (!isAvailable) continue;
    const sum = carried.map(({ name, cost }) => `${cost.toFixed(9)} ${variable(name, node)}`);
    // A node without choices is a row too: its base cost alone may be over.
    const terms = sum.length > 0 ? sum.join(" + ") : `0 ${anyVariable(groups)}`;
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
