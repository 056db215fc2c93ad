import type { OperationRecord } from "../model/operations.ts";

export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank; zeros when there is nothing. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

const everything: Iterable<OperationRecord> = [];

/** Milliseconds from sending to the answer, of the operations that were sent in the window and waited. */
export function latencies(
  operations: Iterable<OperationRecord> = everything,
  { from, to }: Window,
): number[] {
  const found: number[] = [];
  for (const { sentAt, answers } of operations) {
    const answered = answers[0];
    if (answered && sentAt >= from && sentAt < to) found.push(answered.at - sentAt);
  }
  return found;
}

/**
 * For each conversation that wanted something at or after `faultAt`, the longest it waited in the window
 * for an answer, counted from the fault or from its sending, whichever is later. This is what a client
 * notices of a takeover, a whole turn included.
 */
export function waitsFrom(
  conversations: Iterable<readonly OperationRecord[]>,
  faultAt: number,
  untilMs: number,
): number[] {
  const waits: number[] = [];
  for (const operations of conversations) {
    let longest: number | undefined;
    for (const { sentAt, answers, waits: isWaiting } of operations) {
      if (!isWaiting || sentAt > faultAt + untilMs) continue;
      const end = answers[0]?.at ?? Number.POSITIVE_INFINITY;
      if (end < faultAt) continue;
      longest = Math.max(longest ?? 0, end - Math.max(sentAt, faultAt));
    }
    if (longest !== undefined) waits.push(longest);
  }
  return waits;
}

/** Answers a second within the window. */
export function throughput(operations: Iterable<OperationRecord>, { from, to }: Window): number {
  let count = 0;
  for (const { answers } of operations) {
    count += answers.filter(({ at }) => at >= from && at < to).length;
  }
  return (count * 1_000) / (to - from);
}
