import type { StreamHealth } from "./engine-health.ts";

export interface LeaderMove {
  readonly stream: string;
  readonly to: string;
}

/**
 * The moves after which every server leads about as many streams as the others: a server that dies stops
 * only its share of them, for the time of an election.
 */
export function leaderMoves(streams: readonly StreamHealth[]): LeaderMove[] {
  const led = new Map<string, number>();
  const count = (server: string, by = 0) => {
    const sum = (led.get(server) ?? 0) + by;
    led.set(server, sum);
    return sum;
  };
  for (const { leader, peers } of streams) {
    for (const { name, isOnline } of peers) if (isOnline) count(name);
    if (leader !== undefined) count(leader, 1);
  }
  const moves: LeaderMove[] = [];
  for (const { name, leader, peers } of streams) {
    if (leader === undefined) continue;
    const [least] = peers
      .filter((peer) => peer.isOnline && peer.isCurrent)
      .sort((a, b) => count(a.name) - count(b.name));
    if (!least || count(leader) - count(least.name) < 2) continue;
    count(leader, -1);
    count(least.name, 1);
    moves.push({ stream: name, to: least.name });
  }
  return moves;
}
