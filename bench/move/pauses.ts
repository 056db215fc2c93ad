import type { Exchange } from "../lib/cluster-load.ts";
import { median } from "../lib/figures.ts";
import type { Move } from "./epoch-watch.ts";

/** Longer after the new owner was seen than any hand-over takes. */
const tailMs = 500;
/** How much earlier the same measure is taken where nothing moves. */
const earlierMs = 3_000;

/**
 * For each conversation of each moved partition: the longest of its turns that overlap the move, from the
 * message's sending to its reply, less the conversation's median turn away from all moves. As a client sends
 * its next message as soon as it has the reply, that is the longest gap between two replies, less the usual one.
 * The move is from when the old owner was last seen until half a second after the new one was first seen.
 */
export function pausesOf(
  exchanges: readonly Exchange[],
  moves: readonly Move[],
  partitionOf: (conversation: number) => number,
): { readonly pauses: readonly number[]; readonly usual: readonly number[] } {
  const pauses: number[] = [];
  const usual: number[] = [];
  for (const [conversation, own] of Map.groupBy(exchanges, (each) => each.conversation)) {
    const ownMoves = moves.filter(({ partition }) => partition === partitionOf(conversation));
    // Any partition's move is work for the nodes.
    const isQuiet = (from: number, to: number) =>
      !moves.some(({ after, before }) => after < to && from < before + tailMs);
    const quiet = own.filter(({ sentAt, repliedAt }) => isQuiet(sentAt, repliedAt));
    const middle = median(quiet.map(durationOf));
    for (const { after, before } of ownMoves) {
      const longest = longestWithin(own, after, before + tailMs);
      if (longest !== undefined) pauses.push(Math.max(0, longest - middle));
      const [from, to] = [after - earlierMs, before + tailMs - earlierMs];
      const without = isQuiet(from, to) ? longestWithin(own, from, to) : undefined;
      if (without !== undefined) usual.push(Math.max(0, without - middle));
    }
  }
  return { pauses, usual };
}

function longestWithin(own: readonly Exchange[], from: number, to: number): number | undefined {
  const some = own.filter(({ sentAt, repliedAt }) => sentAt < to && from < repliedAt);
  return some.length === 0 ? undefined : Math.max(...some.map(durationOf));
}

function durationOf({ sentAt, repliedAt }: Exchange): number {
  return repliedAt - sentAt;
}
