import { HoldfastError } from "@holdfast/core";
import type { NatsClient } from "../nats/nats-client.ts";
import { type EngineHealth, readHealth, type StreamHealth } from "./engine-health.ts";
import { isWitnessName } from "./engine-home.ts";
import { leaderMoves } from "./leader-balance.ts";
import {
  assertMajority,
  atRisk,
  hasReplicas,
  moveAway,
  moveLeader,
  raise,
  untilDone,
} from "./stream-steps.ts";
import { pause } from "./supervisor.ts";
import type { SystemAccount } from "./system-account.ts";

/** What a store node does with the servers of the cluster. Errors of all: `engine_unavailable`. */
export interface EngineAdmin {
  health(): Promise<EngineHealth>;
  /**
   * Gives every stream that has fewer this many replicas, a few streams at a time; resolves when all of
   * them are current. Streams made afterwards get as many. Any node may repeat and continue it. Errors:
   * `store_quorum_at_risk` with fewer data servers.
   */
  raiseReplicas(count: number, options?: StepOptions): Promise<void>;
  /**
   * Lets every data server lead about as many streams as the others, one move at a time; one that loses its
   * elections is left out. A log that moves pauses for tens of milliseconds; seldom, an append in flight waits
   * its time out.
   */
  balanceLeaders(options?: StepOptions): Promise<void>;
  /**
   * Takes this node's witness out of the cluster for good; nothing when it has none. Errors:
   * `store_quorum_at_risk` with fewer than three current data servers.
   */
  retireWitness(): Promise<void>;
  /**
   * Takes a dead server out for good: its streams get another replica, one stream after the other. Any
   * node may repeat and continue it. Errors: `store_quorum_at_risk`.
   */
  replaceStore(serverName: string, options?: ReplaceOptions): Promise<void>;
}

export interface StepOptions {
  readonly onProgress?: (progress: StepProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ReplaceOptions extends StepOptions {
  /**
   * How long to wait until the engine knows that the server stopped, or has not heard of it for seconds; 0 ms
   * by default.
   */
  readonly noticeMs?: number;
}

export interface StepProgress {
  readonly stream: string;
  /** Streams that are done, of `total`. */
  readonly done: number;
  readonly total: number;
}

export interface Witness {
  readonly name: string;
  /** Ends its process, and sees to it that it is not started again. */
  retire(): Promise<void>;
}

interface AdminOptions {
  readonly client: NatsClient;
  readonly system: SystemAccount;
  /** This node's, while it has one. */
  readonly witness: () => Witness | undefined;
}

const dataServersForMajority = 3;
const streamsAtOnce = 2;
const pollMs = 50;
const noticePollMs = 1_000;
const looksUntilGone = 10;
/** Longer than an election takes. */
const calmTimeoutMs = 15_000;

export function createEngineAdmin({ client, system, witness }: AdminOptions): EngineAdmin {
  const health = () => readHealth(client, system);
  const calm = () => calmHealth(health);
  return {
    health,
    retireWitness: async () => {
      const leaving = witness();
      if (!leaving) return;
      assertDataServers((await calm()).servers, dataServersForMajority);
      await system.removeServer(leaving.name);
      await leaving.retire();
    },
    raiseReplicas: async (count, options = {}) => {
      for (;;) {
        const { streams, servers } = await calm();
        const behind = streams.filter((stream) => !hasReplicas(stream, count));
        if (behind.length === 0) return;
        assertDataServers(servers, count);
        await eachStream(behind, streamsAtOnce, options, (name, signal) =>
          untilDone(name, signal, () => raise(client, name, count)),
        );
      }
    },
    balanceLeaders: async (options = {}) => {
      const { streams } = await calm();
      const moves = new Map(leaderMoves(streams).map(({ stream, to }) => [stream, to]));
      const moving = streams.filter(({ name }) => moves.has(name));
      const losers = new Set<string>();
      await eachStream(moving, 1, options, async (name, signal) => {
        const to = moves.get(name);
        if (to === undefined || losers.has(to)) return;
        if (!(await moveLeader(client, name, to, signal))) losers.add(to);
      });
    },
    replaceStore: async (dead, { noticeMs = 0, ...options } = {}) => {
      const { streams, servers } = await untilGone(dead, calm, noticeMs, options.signal);
      assertReplaceable(dead, streams, servers);
      const affected = streams.filter(({ peers }) => peers.some(({ name }) => name === dead));
      await eachStream(affected, 1, options, (name, signal) =>
        untilDone(name, signal, () => moveAway(client, name, dead)),
      );
      await system.removeServer(dead);
    },
  };
}

/** Waits for elections that are going on. Errors: `engine_unavailable`. */
async function calmHealth(read: () => Promise<EngineHealth>): Promise<EngineHealth> {
  const deadline = performance.now() + calmTimeoutMs;
  for (;;) {
    const isLate = performance.now() > deadline;
    try {
      const health = await read();
      const isCalm = health.metaLeader && health.streams.every(({ leader }) => leader);
      if (isCalm || isLate) return health;
    } catch (thrown) {
      if (isLate || !(thrown instanceof HoldfastError) || thrown.retry !== "safe") throw thrown;
    }
    await pause(pollMs);
  }
}

/** The health at that time. Errors: `store_quorum_at_risk` when `noticeMs` passed, `engine_unavailable`. */
async function untilGone(
  server: string,
  read: () => Promise<EngineHealth>,
  noticeMs: number,
  signal: AbortSignal | undefined,
): Promise<EngineHealth> {
  const deadline = performance.now() + noticeMs;
  for (let silentLooks = 0; ; ) {
    const health = await read();
    const found = health.servers.find(({ name }) => name === server);
    // A new leader has not heard of anybody at first.
    silentLooks = found?.isSilent ? silentLooks + 1 : 0;
    if (!found?.isOnline || silentLooks >= looksUntilGone) return health;
    if (performance.now() > deadline) throw atRisk(`${server} is not dead.`);
    await pause(noticePollMs, signal);
    signal?.throwIfAborted();
  }
}

async function eachStream(
  streams: readonly StreamHealth[],
  atOnce: number,
  { onProgress, signal }: StepOptions,
  step: (name: string, signal: AbortSignal | undefined) => Promise<void>,
): Promise<void> {
  const waiting = streams.map(({ name }) => name);
  let done = 0;
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await step(name, signal);
      done += 1;
      onProgress?.({ stream: name, done, total: streams.length });
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, worker));
  } finally {
    waiting.length = 0;
  }
}

function assertDataServers(servers: EngineHealth["servers"], count: number): void {
  const current = servers.filter(
    ({ name, isOnline, isCurrent }) => isOnline && isCurrent && !isWitnessName(name),
  );
  if (current.length >= count) return;
  throw atRisk(`The engine has ${current.length} current data servers; ${count} are needed.`);
}

function assertReplaceable(
  dead: string,
  streams: readonly StreamHealth[],
  servers: EngineHealth["servers"],
): void {
  const others = servers.filter(
    ({ name, isOnline }) => isOnline && name !== dead && !isWitnessName(name),
  );
  for (const stream of streams) {
    if (stream.leader === undefined) throw atRisk(`Stream ${stream.name} has no leader.`);
    if (!stream.peers.some(({ name }) => name === dead)) continue;
    assertMajority(stream, dead);
    if (others.length < stream.replicas) {
      const need = `${stream.replicas} servers and ${others.length} are left`;
      throw atRisk(`Stream ${stream.name} needs ${need}: add a store node first.`);
    }
  }
}
