import type { NodeLoad, PartitionLoad } from "../cluster/records.ts";

/** The unit of every cost is a turn that runs all the time; a usual node has capacity 1. */
export interface NodeCost {
  /** The node's capacity, less what the pressure on it takes away. */
  readonly capacity: number;
  /** Turns that no partition accounts for. */
  readonly baseCost: number;
  /** Cost by partition. */
  readonly partitions: ReadonlyMap<number, number>;
}

/** What an idle partition costs, in turns: it spreads them, and noise below it moves nothing. */
export const idleTurns = 0.25;
/** A backlog costs the turns that would be needed at once to work it off in this time. */
const backlogMs = 30_000;
/** A backlog costs no more than this, in turns: a partition that is stuck is no load. */
const backlogTurnsMax = 16;
/** A conversation in memory, in turns: 5,000 weigh as much as one turn. */
const conversationTurns = 0.0002;

/** Within `smoothingMs` a lasting change has come through to 63%. */
const smoothingMs = 20_000;
/** One sample counts for no more than this much time, however long none came: for 10%. */
const sampleMaxMs = 2_000;

/** From where on a measure shrinks the capacity, where it stops, and to which share. */
interface Pressure {
  readonly from: number;
  readonly to: number;
  readonly share: number;
}

const pressures = {
  /** CPU / cores. */
  cpu: { from: 0.8, to: 1, share: 0.5 },
  /** Memory / its limit. */
  memory: { from: 0.8, to: 0.95, share: 0.35 },
  /** Turns in flight / turns that may run. */
  turns: { from: 0.8, to: 1, share: 0.5 },
  /** p99 of the event loop's delay. */
  loopDelayMs: { from: 50, to: 250, share: 0.5 },
  roundTripMs: { from: 50, to: 500, share: 0.5 },
} as const satisfies Record<string, Pressure>;

/** However hard it is pressed, a node keeps this share, or all of it would move at once. */
const shareMin = 0.25;

/**
 * What placement reckons with, from a smoothed load.
 * - cost of a partition = 0.25 + max(turnLoad, turnsInFlight) + min(16, lag x turn latency / 30 s)
 *   + activeConversations / 5,000, in turns; the latency is the partition's, or its node's if the
 *   partition has none yet.
 * - base cost = turns in flight on the node, less those of its partitions, at least 0.
 * - capacity = capacity x max(0.25, product of the shares), where a share falls in a straight line
 *   from 1: CPU / cores from 0.8 to 1 to 0.5; memory / limit from 0.8 to 0.95 to 0.35; turns in
 *   flight / turn capacity from 0.8 to 1 to 0.5; event-loop delay from 50 to 250 ms to 0.5; round
 *   trip from 50 to 500 ms to 0.5. Below these nothing shrinks, so an unpressed cluster is
 *   balanced by its work alone.
 */
export function costOf(load: NodeLoad, capacity: number): NodeCost {
  const partitions = new Map(
    load.partitions.map((one) => [one.partition, partitionCost(one, load.turnLatencyMs)]),
  );
  const accounted = load.partitions.reduce((sum, { turnsInFlight }) => sum + turnsInFlight, 0);
  return {
    capacity: capacity * capacityShare(load),
    baseCost: Math.max(0, load.turnsInFlight - accounted),
    partitions,
  };
}

function partitionCost(load: PartitionLoad, nodeLatencyMs: number): number {
  const latencyMs = load.turnLatencyMs > 0 ? load.turnLatencyMs : nodeLatencyMs;
  return (
    idleTurns +
    Math.max(load.turnLoad, load.turnsInFlight) +
    Math.min(backlogTurnsMax, (load.lag * latencyMs) / backlogMs) +
    load.activeConversations * conversationTurns
  );
}

function capacityShare(load: NodeLoad): number {
  const share =
    shareAt(pressures.cpu, ratio(load.cpu, load.cores)) *
    shareAt(pressures.memory, ratio(load.memoryBytes, load.memoryLimitBytes)) *
    shareAt(pressures.turns, ratio(load.turnsInFlight, load.turnCapacity)) *
    shareAt(pressures.loopDelayMs, load.loopDelayMs) *
    shareAt(pressures.roundTripMs, load.roundTripMs);
  return Math.max(shareMin, share);
}

function shareAt({ from, to, share }: Pressure, measured: number): number {
  const pressed = Math.min(1, Math.max(0, (measured - from) / (to - from)));
  return 1 - pressed * (1 - share);
}

/** Nothing is near a limit that is not known. */
function ratio(used: number, limit: number): number {
  return limit > 0 ? used / limit : 0;
}

/**
 * The exponential moving average of a node's load: previous + (sample - previous) x
 * (1 - e^(-elapsed / 20 s)), elapsed at most 2 s. Delays count no higher than where pressure
 * stops, so a single pause of any length is forgotten. A partition that is new to the node
 * starts with what its first sample says.
 */
export function smoothLoad(
  previous: NodeLoad | undefined,
  sample: NodeLoad,
  elapsedMs: number,
): NodeLoad {
  const now = {
    ...sample,
    loopDelayMs: Math.min(sample.loopDelayMs, pressures.loopDelayMs.to),
    roundTripMs: Math.min(sample.roundTripMs, pressures.roundTripMs.to),
  };
  if (previous === undefined) return now;
  const share = 1 - Math.exp(-Math.min(Math.max(0, elapsedMs), sampleMaxMs) / smoothingMs);
  const before = new Map(previous.partitions.map((one) => [one.partition, one]));
  return {
    ...now,
    cpu: mix(previous.cpu, now.cpu, share),
    memoryBytes: mix(previous.memoryBytes, now.memoryBytes, share),
    loopDelayMs: mix(previous.loopDelayMs, now.loopDelayMs, share),
    turnsInFlight: mix(previous.turnsInFlight, now.turnsInFlight, share),
    turnLatencyMs: mix(previous.turnLatencyMs, now.turnLatencyMs, share),
    turnsPerSecond: mix(previous.turnsPerSecond, now.turnsPerSecond, share),
    roundTripMs: mix(previous.roundTripMs, now.roundTripMs, share),
    partitions: now.partitions.map((one) => smoothPartition(before.get(one.partition), one, share)),
  };
}

function smoothPartition(
  previous: PartitionLoad | undefined,
  sample: PartitionLoad,
  share: number,
): PartitionLoad {
  if (previous === undefined) return sample;
  return {
    ...sample,
    lag: mix(previous.lag, sample.lag, share),
    activeConversations: mix(previous.activeConversations, sample.activeConversations, share),
    turnsInFlight: mix(previous.turnsInFlight, sample.turnsInFlight, share),
    turnsPerSecond: mix(previous.turnsPerSecond, sample.turnsPerSecond, share),
    turnLatencyMs: mix(previous.turnLatencyMs, sample.turnLatencyMs, share),
    turnLoad: mix(previous.turnLoad, sample.turnLoad, share),
  };
}

function mix(previous: number, sample: number, share: number): number {
  return previous + (sample - previous) * share;
}
