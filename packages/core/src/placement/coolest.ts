import { cool, fill } from "./cool.ts";
import type { PlacementModel } from "./model.ts";
import { seededRandom } from "./seeded-random.ts";
import { PlacementState, type SearchBudget } from "./state.ts";

/** Candidates looked at for the coolest assignment; about 3 ns each. */
const coolestBudget = 800_000;
/** This close to the bound nothing is searched for any more. */
const closeEnough = 1.005;
/** Blind moves by which a local best is left. */
const kickMoves = 4;

/**
 * The assignment with the coolest hottest node that is found when moves cost nothing: greedy by
 * cost, then iterated local search until the bound is near. It does not look at who owns what, so
 * executing a plan does not change it.
 */
export function coolestAssignment(model: PlacementModel, atLeast: number): PlacementState {
  const best = new PlacementState(model);
  fill(best);
  const isFree = new Uint8Array(model.items.length).fill(1);
  search(best, isFree, atLeast, { left: coolestBudget });
  return best;
}

/** Improves the free items of the state until the budget is used or the bound is near. */
export function search(
  best: PlacementState,
  isFree: Uint8Array,
  atLeast: number,
  budget: SearchBudget,
): void {
  cool(best, isFree, budget);
  const free = [...isFree.keys()].filter((item) => isFree[item] === 1);
  if (free.length < 2 || best.cost.length < 2) return;
  const random = seededRandom();
  const state = best.copy();
  while (budget.left > 0 && best.hottest() > atLeast * closeEnough) {
    for (let kick = 0; kick < kickMoves; kick += 1) {
      const item = free[Math.floor(random() * free.length)] as number;
      const node = Math.floor(random() * state.cost.length);
      if (state.item(item).allowed[node] === 1) state.put(item, node);
    }
    budget.left -= free.length;
    cool(state, isFree, budget);
    if (state.hottest() < best.hottest()) best.set(state);
    else state.set(best);
  }
}
