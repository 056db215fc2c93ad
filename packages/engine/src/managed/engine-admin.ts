import { HoldfastError } from "@holdfast/core";
import type { NatsClient } from "../nats/nats-client.ts";
import { answeredError } from "../nats/nats-errors.ts";
import {
  configOf,
  type EngineHealth,
  readHealth,
  type StreamHealth,
  streamHealth,
} from "./engine-health.ts";
import { isWitnessName } from "./engine-home.ts";
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
   * Takes this node's witness out of the cluster for good; nothing when it has none. Errors:
   * `store_quorum_at_risk` with fewer than three current data servers.
   */
  retireWitness(): Promise<void>;
  /**
   * Takes a dead server out for good: its streams get another replica, one stream after the other. Any
   * node may repeat and continue it. Errors: `store_quorum_at_risk`.
   */
  replaceStore(serverName: string, options?: StepOptions): Promise<void>;
}

export interface StepOptions {
  readonly onProgress?: (progress: StepProgress) => void;
  readonly signal?: AbortSignal;
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
const apiTimeoutMs = 5_000;
/** How long a stream's step may go on without any progress. */
const stallMs = 60_000;

export function createEngineAdmin({ client, system, witness }: AdminOptions): EngineAdmin {
  const health = () => readHealth(client, system);
  return {
    health,
    retireWitness: async () => {
      const leaving = witness();
      if (!leaving) return;
      assertDataServers((await health()).servers, dataServersForMajority);
      await system.removeServer(leaving.name);
      await leaving.retire();
    },
    raiseReplicas: async (count, options = {}) => {
      for (;;) {
        const { streams, servers } = await health();
        const behind = streams.filter((stream) => !hasReplicas(stream, count));
        if (behind.length === 0) return;
        assertDataServers(servers, count);
        await eachStream(behind, streamsAtOnce, options, (name, signal) =>
          untilDone(name, signal, () => raise(client, name, count)),
        );
      }
    },
    replaceStore: async (dead, options = {}) => {
      const { streams, servers } = await health();
      assertReplaceable(dead, streams, servers);
      const affected = streams.filter(({ peers }) => peers.some(({ name }) => name === dead));
      await eachStream(affected, 1, options, (name, signal) =>
        untilDone(name, signal, () => moveAway(client, name, dead)),
      );
      await system.removeServer(dead);
    },
  };
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

/**
 * Repeats a step until it says `undefined`; what else it says must change from time to time. Elections in
 * between are waited for.
 */
async function untilDone(
  stream: string,
  signal: AbortSignal | undefined,
  step: () => Promise<string | undefined>,
): Promise<void> {
  let before: string | undefined;
  let deadline = performance.now() + stallMs;
  for (;;) {
    signal?.throwIfAborted();
    let problem: unknown;
    try {
      const state = await step();
      if (state === undefined) return;
      if (state !== before) deadline = performance.now() + stallMs;
      before = state;
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError) || thrown.retry !== "safe") throw thrown;
      problem = thrown;
    }
    if (performance.now() > deadline) {
      if (problem) throw problem;
      const what = `Stream ${stream} does not get its replicas: ${before}`;
      throw new HoldfastError("engine_unavailable", what, { retryAfterMs: 10_000 });
    }
    await pause(pollMs, signal);
  }
}

async function raise(
  client: NatsClient,
  stream: string,
  count: number,
): Promise<string | undefined> {
  const config = await configOf(client, stream);
  if (config.num_replicas < count) {
    const change = { ...config, num_replicas: count };
    const { error } = await client.api(`STREAM.UPDATE.${stream}`, change, apiTimeoutMs);
    if (error) throw answeredError(error, `Raise the replicas of ${stream}`);
  }
  const health = await streamHealth(client, stream);
  return hasReplicas(health, count) ? undefined : JSON.stringify(health.peers);
}

/** The dead server's place in a stream goes to another one. */
async function moveAway(
  client: NatsClient,
  stream: string,
  dead: string,
): Promise<string | undefined> {
  const health = await streamHealth(client, stream);
  const isThere = health.peers.some(({ name }) => name === dead);
  if (!isThere && hasReplicas(health, health.replicas)) return undefined;
  if (isThere && health.leader !== undefined) {
    assertMajority(health, dead);
    const request = { peer: dead };
    const { error } = await client.api(`STREAM.PEER.REMOVE.${stream}`, request, apiTimeoutMs);
    if (error) throw answeredError(error, `Take ${dead} out of ${stream}`);
  }
  return JSON.stringify(health.peers);
}

function hasReplicas({ replicas, leader, peers }: StreamHealth, count: number): boolean {
  const current = peers.filter(({ isCurrent, isOnline }) => isCurrent && isOnline);
  return leader !== undefined && replicas >= count && current.length >= replicas;
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
  const alive = servers.find(({ name, isOnline }) => name === dead && isOnline);
  if (alive) throw atRisk(`${dead} is not dead.`);
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

function assertMajority({ name, replicas, peers }: StreamHealth, dead: string): void {
  const healthy = peers.filter((peer) => peer.isCurrent && peer.isOnline && peer.name !== dead);
  if (healthy.length >= Math.floor(replicas / 2) + 1) return;
  throw atRisk(`Stream ${name} has ${healthy.length} of ${replicas} replicas without ${dead}.`);
}

function atRisk(message: string): HoldfastError {
  return new HoldfastError("store_quorum_at_risk", message);
}
