import type { Violation, ViolationKind } from "./violations.ts";

/** What one node said of one partition at one time. */
export interface OwnershipSample {
  readonly at: number;
  /** Who was asked. */
  readonly node: string;
  readonly partition: number;
  readonly owner: string | undefined;
  readonly epoch: number;
}

export interface OwnershipResult {
  readonly violations: Violation[];
  readonly moves: number;
  /** The most moves of one partition in any window. */
  readonly mostMoves: number;
}

/**
 * One owner an epoch, whoever is asked; and no partition moves more than `movesMax` times in `windowMs`.
 * Moves are the rises of the epoch that anybody saw.
 */
export function checkOwnership(
  samples: readonly OwnershipSample[],
  { windowMs, movesMax }: { readonly windowMs: number; readonly movesMax: number },
): OwnershipResult {
  const violations: Violation[] = [];
  const violate = (kind: ViolationKind, detail: string) => void violations.push({ kind, detail });
  const owners = new Map<string, string>();
  const rises = new Map<number, number[]>();
  const newest = new Map<number, number>();
  for (const { at, partition, owner, epoch } of samples.toSorted((a, b) => a.at - b.at)) {
    if (owner === undefined) continue;
    const key = `partition ${partition}, epoch ${epoch}`;
    const known = owners.get(key);
    if (known !== undefined && known !== owner)
      violate("two-owners", `${key}: ${known} and ${owner}`);
    owners.set(key, owner);
    const before = newest.get(partition);
    if (before !== undefined && epoch > before) {
      rises.set(partition, [...(rises.get(partition) ?? []), at]);
    }
    newest.set(partition, Math.max(before ?? 0, epoch));
  }
  let mostMoves = 0;
  let moves = 0;
  for (const [partition, times] of rises) {
    moves += times.length;
    const most = Math.max(
      ...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length),
    );
    mostMoves = Math.max(mostMoves, most);
    if (most > movesMax) {
      violate("flapped", `partition ${partition} moved ${most} times within ${windowMs} ms`);
    }
  }
  return { violations, moves, mostMoves };
}
