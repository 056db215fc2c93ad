import { fill } from "./cool.ts";
import { seededRandom } from "./seeded-random.ts";
import { type PlacementState, rounding, type SearchBudget } from "./state.ts";

/** Candidates looked at for an assignment with few moves; about 3 ns each. */
const movesBudget = 500_000;
/** What a move costs besides itself in a step's score: steps without one are taken first. */
const stepWeight = 0.1;
/** How much chance changes the score of a step, as a share. */
const scoreNoise = 0.6;
/** How often exchanges are looked at although a single move helps. */
const exchangeShare = 0.5;
/** Items taken from anywhere in a large shake, at most one less. */
const scatterExtra = 6;
/** Blind moves of one attempt where no step helps. */
const kicksPerAttempt = 6;

interface Step {
  readonly item: number;
  readonly to: number;
  readonly other: number | undefined;
}

/**
 * From `start`, where everything is at home, to an assignment with no node over `target` by few
 * moves: one greedy attempt, then attempts whose choices are shaken, until the count is proved
 * the least or the budget is used. `fallback` is an assignment that keeps within the target.
 */
export function fewestMoves(
  start: PlacementState,
  fallback: PlacementState,
  target: number,
): PlacementState {
  const budget = { left: movesBudget };
  const random = seededRandom();
  const limit = target * (1 + rounding);
  const best = fallback.copy();
  returnHome(best, limit);
  let bestMoves = best.voluntaryMoves();
  const atLeast = movesAtLeast(start, limit);
  const state = start.copy();
  for (let attempt = 0; budget.left > 0 && bestMoves > atLeast; attempt += 1) {
    begin(state, start, best, limit, attempt, random);
    budget.left -= state.nodeOf.length;
    const noise = attempt === 0 ? () => 0 : random;
    if (!repair(state, limit, noise, budget)) continue;
    returnHome(state, limit);
    const moves = state.voluntaryMoves();
    if (moves > bestMoves || (moves === bestMoves && state.hottest() >= best.hottest())) continue;
    bestMoves = moves;
    best.set(state);
  }
  return best;
}

/** Moves that every assignment within the limit needs: each node gives away its costliest. */
function movesAtLeast(start: PlacementState, limit: number): number {
  const cost = start.model.base.slice();
  for (const { home, cost: own } of start.model.items) {
    if (home >= 0) cost[home] = (cost[home] as number) + own;
  }
  let moves = 0;
  for (const { home, cost: own } of start.model.items) {
    if (home < 0 || (cost[home] as number) <= limit * start.capacity(home)) continue;
    cost[home] = (cost[home] as number) - own;
    moves += 1;
  }
  return moves;
}

/** Takes back every move that is not needed, the costliest first. */
function returnHome(state: PlacementState, limit: number): void {
  for (const [index, { home, cost }] of state.model.items.entries()) {
    if (state.leavesHome(index, state.nodeOf[index] as number) === 0) continue;
    if (state.costOn(home) + cost <= limit * state.capacity(home)) state.put(index, home);
  }
}

/** Attempts begin where everything is at home, near the best so far, or with a large shake. */
function begin(
  state: PlacementState,
  start: PlacementState,
  best: PlacementState,
  limit: number,
  attempt: number,
  random: () => number,
): void {
  const kind = attempt % 3;
  state.set(kind === 1 ? best : start);
  if (kind === 1) takeBackSome(state, random);
  if (kind === 2) scatter(state, limit, random);
}

/**
 * Takes costly items from the nodes over the limit, a few from anywhere, and puts them wherever
 * there is room: what finds exchanges of several large items, of which no single step helps.
 */
function scatter(state: PlacementState, limit: number, random: () => number): void {
  const pick = (items: readonly number[]): number => {
    // Items are sorted by cost: the lesser of two indexes is the costlier item.
    const drawn = [random(), random()].map((one) => Math.floor(one * items.length));
    return items[Math.min(...drawn)] as number;
  };
  for (let node = 0; node < state.cost.length; node += 1) {
    const own = itemsOn(state, node);
    while (own.length > 0 && room(state, node, limit) < 0) {
      const item = pick(own);
      state.take(item);
      own.splice(own.indexOf(item), 1);
    }
  }
  const all = [...state.nodeOf.keys()];
  for (let extra = Math.floor(random() * scatterExtra); extra > 0; extra -= 1)
    state.take(pick(all));
  for (const item of all) {
    if (state.nodeOf[item] !== -1) continue;
    const { allowed, cost } = state.item(item);
    const fitting = [...allowed.keys()].filter(
      (node) => allowed[node] === 1 && room(state, node, limit) >= cost,
    );
    const node = fitting[Math.floor(random() * fitting.length)];
    if (node !== undefined) state.put(item, node);
  }
}

function itemsOn(state: PlacementState, node: number): number[] {
  return [...state.nodeOf.keys()].filter((item) => state.nodeOf[item] === node);
}

/** Sends some of what moved home, at random, with a share that is at random too. */
function takeBackSome(state: PlacementState, random: () => number): void {
  const share = random();
  for (const [index, { home }] of state.model.items.entries()) {
    const isMoved = state.leavesHome(index, state.nodeOf[index] as number) === 1;
    if (isMoved && random() < share) state.put(index, home);
  }
}

/** True once no node is over the limit. */
function repair(
  state: PlacementState,
  limit: number,
  noise: () => number,
  budget: SearchBudget,
): boolean {
  fill(state);
  let kicks = 0;
  while (budget.left > 0) {
    const hot = mostExceeding(state, limit);
    if (hot < 0) return true;
    const step = bestStep(state, hot, limit, noise, budget);
    if (step !== undefined) {
      if (step.other !== undefined) state.put(step.other, hot);
      state.put(step.item, step.to);
    } else if (kicks++ === kicksPerAttempt || !kick(state, hot, noise)) return false;
  }
  return false;
}

/** Cost that the node may still get; below 0 for one over the limit. */
function room(state: PlacementState, node: number, limit: number): number {
  return limit * state.capacity(node) - state.costOn(node);
}

function mostExceeding(state: PlacementState, limit: number): number {
  let worst = -1;
  let least = 0;
  for (let node = 0; node < state.cost.length; node += 1) {
    const left = room(state, node, limit);
    if (left >= least) continue;
    least = left;
    worst = node;
  }
  return worst;
}

/** The step that takes most cost over the limit away per move; undefined if none takes any. */
function bestStep(
  state: PlacementState,
  hot: number,
  limit: number,
  noise: () => number,
  budget: SearchBudget,
): Step | undefined {
  const over = -room(state, hot, limit);
  const items = state.nodeOf.length;
  let best: Step | undefined;
  let bestScore = 0;
  const consider = (item: number, to: number, shifted: number, other: number | undefined): void => {
    const heated = Math.max(0, shifted - Math.max(0, room(state, to, limit)));
    const helped = Math.min(over, shifted) - heated;
    if (helped <= over * rounding) return;
    let moves = state.leavesHome(item, to) - state.leavesHome(item, hot);
    if (other !== undefined) moves += state.leavesHome(other, hot) - state.leavesHome(other, to);
    // Of the steps that do as much, the one that shifts least leaves most room.
    const gain = helped - 0.01 * shifted;
    const score = (gain / (stepWeight + Math.max(0, moves))) * (1 + scoreNoise * noise());
    if (best !== undefined && score <= bestScore * (1 + rounding)) return;
    bestScore = score;
    best = { item, to, other };
  };
  const own = itemsOn(state, hot);
  for (const item of own) {
    const { allowed, cost } = state.item(item);
    budget.left -= state.cost.length;
    for (let node = 0; node < state.cost.length; node += 1) {
      if (node !== hot && allowed[node] === 1) consider(item, node, cost, undefined);
    }
  }
  // An exchange is two moves: it is looked at where no single one helps, and now and then.
  if (best !== undefined && noise() < 1 - exchangeShare) return best;
  for (const item of own) {
    const { allowed, cost } = state.item(item);
    budget.left -= items;
    for (let other = 0; other < items; other += 1) {
      const node = state.nodeOf[other] as number;
      if (node === hot || allowed[node] !== 1) continue;
      const back = state.item(other);
      if (back.cost < cost && back.allowed[hot] === 1)
        consider(item, node, cost - back.cost, other);
    }
  }
  return best;
}

/** Puts any of the node's items on any other node. */
function kick(state: PlacementState, hot: number, noise: () => number): boolean {
  const own = itemsOn(state, hot);
  const item = own[Math.floor(noise() * own.length)];
  if (item === undefined) return false;
  const { allowed } = state.item(item);
  const others = [...allowed.keys()].filter((node) => node !== hot && allowed[node] === 1);
  const node = others[Math.floor(noise() * others.length)];
  if (node === undefined) return false;
  state.put(item, node);
  return true;
}
