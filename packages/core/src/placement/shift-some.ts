import { type PlacementState, rounding } from "./state.ts";

/**
 * The moves that cool the hottest nodes most, one after the other and at most so many: what is
 * done of a plan that is longer than a plan may be. Each of them is a gain by itself, so that a
 * cluster that gets only some of them is never worse off, and repeated plans come to an end.
 */
export function shiftSome(
  before: PlacementState,
  maxMoves: number,
  target: number,
): PlacementState {
  const state = before.copy();
  while (state.voluntaryMoves() < maxMoves && shiftOne(state, target)) {
    // Until nothing is gained.
  }
  return state;
}

/** From the hottest node that can be cooled. */
function shiftOne(state: PlacementState, target: number): boolean {
  const byHeat = [...state.cost.keys()].toSorted((a, b) => state.load(b) - state.load(a) || a - b);
  for (const hot of byHeat) {
    if (state.load(hot) <= target * (1 + rounding)) return false;
    let least = state.load(hot) * (1 - rounding);
    let best: { item: number; to: number } | undefined;
    for (const [item, node] of state.nodeOf.entries()) {
      if (node !== hot) continue;
      const { allowed, cost } = state.item(item);
      for (let to = 0; to < state.cost.length; to += 1) {
        if (to === hot || allowed[to] !== 1) continue;
        const left = (state.costOn(hot) - cost) / state.capacity(hot);
        const peak = Math.max(left, (state.costOn(to) + cost) / state.capacity(to));
        if (peak >= least) continue;
        least = peak;
        best = { item, to };
      }
    }
    if (best === undefined) continue;
    state.put(best.item, best.to);
    return true;
  }
  return false;
}
