import { type PlacementState, rounding, type SearchBudget } from "./state.ts";

interface Step {
  readonly peak: number;
  readonly item: number;
  readonly to: number;
  /** What comes back in exchange. */
  readonly other: number | undefined;
}

/**
 * Gives every item that has no node one: the costliest first, each to the node that is coolest
 * with it, of these the one with the fewest partitions for its capacity, then by name.
 */
export function fill(state: PlacementState): void {
  for (const [index, node] of state.nodeOf.entries()) {
    if (node < 0) state.put(index, coolestFor(state, index));
  }
}

function coolestFor(state: PlacementState, index: number): number {
  const { allowed, cost } = state.item(index);
  let best = -1;
  let bestLoad = 0;
  let bestCrowd = 0;
  for (let node = 0; node < state.cost.length; node += 1) {
    if (allowed[node] !== 1) continue;
    const crowd = (state.count[node] as number) / state.capacity(node);
    // What costs nothing heats no node: only the number counts.
    const load = cost === 0 ? 0 : (state.costOn(node) + cost) / state.capacity(node);
    const difference = load - bestLoad;
    const isEqual = Math.abs(difference) <= rounding * bestLoad;
    if (best < 0 || (isEqual ? crowd < bestCrowd : difference < 0)) {
      best = node;
      bestLoad = load;
      bestCrowd = crowd;
    }
  }
  return best;
}

/**
 * Makes the hottest node cooler by shifting one of the free items, or exchanging two, as long as
 * that helps.
 */
export function cool(state: PlacementState, isFree: Uint8Array, budget: SearchBudget): void {
  while (budget.left > 0) {
    const step = bestStep(state, isFree, budget);
    if (step === undefined) return;
    if (step.other !== undefined) state.put(step.other, state.nodeOf[step.item] as number);
    state.put(step.item, step.to);
  }
}

function bestStep(
  state: PlacementState,
  isFree: Uint8Array,
  budget: SearchBudget,
): Step | undefined {
  const hot = state.hottestNode();
  let best: Step | undefined;
  let least = state.load(hot) * (1 - rounding);
  const items = state.nodeOf.length;
  for (let item = 0; item < items; item += 1) {
    if (state.nodeOf[item] !== hot || isFree[item] !== 1) continue;
    const { allowed, cost } = state.item(item);
    budget.left -= state.cost.length + items;
    for (let node = 0; node < state.cost.length; node += 1) {
      if (node === hot || allowed[node] !== 1) continue;
      const peak = peakAfter(state, hot, node, cost);
      if (peak >= least) continue;
      least = peak;
      best = { peak, item, to: node, other: undefined };
    }
    for (let other = 0; other < items; other += 1) {
      const node = state.nodeOf[other] as number;
      if (node === hot || isFree[other] !== 1 || allowed[node] !== 1) continue;
      const back = state.item(other);
      if (back.cost >= cost || back.allowed[hot] !== 1) continue;
      const peak = peakAfter(state, hot, node, cost - back.cost);
      if (peak >= least) continue;
      least = peak;
      best = { peak, item, to: node, other };
    }
  }
  return best;
}

function peakAfter(state: PlacementState, from: number, to: number, cost: number): number {
  return Math.max(
    (state.costOn(from) - cost) / state.capacity(from),
    (state.costOn(to) + cost) / state.capacity(to),
  );
}
