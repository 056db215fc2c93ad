import { hottestAtLeast } from "./bound.ts";
import { cool, fill } from "./cool.ts";
import { coolestAssignment, search } from "./coolest.ts";
import { fewestMoves } from "./fewest-moves.ts";
import { type PlacementModel, placementModel } from "./model.ts";
import { shiftSome } from "./shift-some.ts";
import { PlacementState, rounding } from "./state.ts";
import type { PlacementInput, PlacementMove, PlacementPlan, PlacementPolicy } from "./types.ts";

/**
 * How the coordinator plans. Measured costs that are up to 5% off either way change what moving
 * could gain by 9.5%; `minGain` lies 2.5% above that, so that noise moves nothing.
 */
export const defaultPlacementPolicy: PlacementPolicy = {
  tolerance: 0.1,
  minGain: 0.12,
  maxMoves: 8,
};

/** The coolest assignment that is found may be this share above the best there is. */
const searchError = 0.01;
/** Candidates looked at for the nodes of what moves. */
const destinationBudget = 300_000;

/**
 * Plans which partitions move so that the hottest node, by (base cost + cost of its partitions) /
 * capacity, comes within the tolerance of the coolest that is possible, with few moves.
 *
 * Partitions without a node, or on one that may not have them, always move; with them the hottest
 * node may become hotter than the target, since somebody must run them. The others move only as
 * the policy allows. The plan depends on the facts alone, not on their order, time or chance.
 *
 * Errors: `internal` for capacities that are not above 0 and costs below 0.
 */
export function planPlacement(input: PlacementInput): PlacementPlan {
  const model = placementModel(input);
  const { policy } = input;
  const after = model.nodes.length === 0 ? new PlacementState(model) : planned(model, policy);
  return { moves: movesOf(after), unassigned: model.unassigned };
}

function planned(model: PlacementModel, policy: PlacementPolicy): PlacementState {
  const home = new PlacementState(model);
  for (const [index, item] of model.items.entries()) {
    if (item.home >= 0) home.put(index, item.home);
  }
  const atLeast = hottestAtLeast(model);
  const forced = settled(home, atLeast);
  if (policy.maxMoves === 0) return forced;
  const coolest = coolestAssignment(model, atLeast);
  // Both lie within the tolerance of the best that exists, the first surely.
  const target = Math.max(
    (1 + policy.tolerance) * atLeast,
    (1 + Math.max(0, policy.tolerance - searchError)) * coolest.hottest(),
  );
  const hottest = forced.hottest();
  if (hottest <= target * (1 + rounding) || 1 - target / hottest < policy.minGain) return forced;
  const few = fewestMoves(home, coolest, target);
  if (few.voluntaryMoves() > policy.maxMoves) return shiftSome(forced, policy.maxMoves, target);
  return settled(few, atLeast);
}

/** What moves anyway goes where it is coolest; what is at home stays there. */
function settled(before: PlacementState, atLeast: number): PlacementState {
  const state = before.copy();
  fill(state);
  const isFree = Uint8Array.from(state.nodeOf, (node, index) => {
    const { home } = state.item(index);
    return home < 0 || home !== node ? 1 : 0;
  });
  const budget = { left: destinationBudget };
  cool(state, isFree, budget);
  search(state, isFree, atLeast, budget);
  return state;
}

function movesOf(state: PlacementState): PlacementMove[] {
  const { items, nodes } = state.model;
  const moves: PlacementMove[] = [];
  for (const [index, { partition, owner, home }] of items.entries()) {
    const node = state.nodeOf[index] as number;
    const to = nodes[node];
    if (node !== home && to !== undefined) moves.push({ partition, from: owner, to });
  }
  return moves.toSorted((a, b) => a.partition - b.partition);
}
