import { HoldfastError } from "@holdfast/core";
import type { NatsClient } from "../nats/nats-client.ts";
import { answeredError } from "../nats/nats-errors.ts";
import { configOf, type StreamHealth, streamHealth } from "./engine-health.ts";
import { pause } from "./supervisor.ts";

const pollMs = 50;
const apiTimeoutMs = 5_000;
/** How long a stream's step may go on without any progress. */
const stallMs = 60_000;
/** How often a stream's leader is asked to make room, and when that is given up. */
const leaderMovePauseMs = 1_000;
const leaderMoveMs = 5_000;

/**
 * Repeats a step until it says `undefined`; what else it says must change from time to time. Elections in
 * between are waited for.
 */
export async function untilDone(
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
      const what = `Stream ${stream} does not get where it should: ${before ?? "no answer"}`;
      const retryAfterMs = 10_000;
      throw new HoldfastError("engine_unavailable", what, { retryAfterMs, cause: problem });
    }
    await pause(pollMs, signal);
  }
}

export async function raise(
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

/**
 * Lets `to` lead the stream. False when it does not come to that in time: a server may lose every election, and
 * each further one would stop the stream again. A stream that `to` has no part in stays where it is.
 */
export async function moveLeader(
  client: NatsClient,
  stream: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const giveUpAt = performance.now() + leaderMoveMs;
  let askedAt = Number.NEGATIVE_INFINITY;
  let isDone = false;
  await untilDone(stream, signal, async () => {
    if (performance.now() >= giveUpAt) return undefined;
    const { leader, peers } = await streamHealth(client, stream);
    const target = peers.find(({ name }) => name === to);
    // It may have been taken away or fallen behind meanwhile.
    isDone = leader === to || (leader !== undefined && !target?.isOnline);
    if (isDone) return undefined;
    if (leader !== undefined && performance.now() - askedAt >= leaderMovePauseMs) {
      askedAt = performance.now();
      await stepDown(client, stream, to);
    }
    return `moving to ${to}`;
  });
  return isDone;
}

async function stepDown(client: NatsClient, stream: string, to: string): Promise<void> {
  const request = { placement: { preferred: to } };
  const endpoint = `STREAM.LEADER.STEPDOWN.${stream}`;
  const { error } = await client.api(endpoint, request, apiTimeoutMs);
  if (error) throw answeredError(error, `Move the leader of ${stream}`);
}

/** The dead server's place in a stream goes to another one. */
export async function moveAway(
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

export function hasReplicas({ replicas, leader, peers }: StreamHealth, count: number): boolean {
  const current = peers.filter(({ isCurrent, isOnline }) => isCurrent && isOnline);
  return leader !== undefined && replicas >= count && current.length >= replicas;
}

export function assertMajority({ name, replicas, peers }: StreamHealth, dead: string): void {
  const healthy = peers.filter((peer) => peer.isCurrent && peer.isOnline && peer.name !== dead);
  if (healthy.length >= Math.floor(replicas / 2) + 1) return;
  throw atRisk(`Stream ${name} has ${healthy.length} of ${replicas} replicas without ${dead}.`);
}

export function atRisk(message: string): HoldfastError {
  return new HoldfastError("store_quorum_at_risk", message);
}
