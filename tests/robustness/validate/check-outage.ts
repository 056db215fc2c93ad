import type { OperationRecord } from "../model/operations.ts";
import type { Violation } from "./violations.ts";

/** A time in which nothing can have become durable, monotonic milliseconds. */
export interface Outage {
  readonly from: number;
  readonly to: number;
}

export interface OutageResult {
  readonly violations: Violation[];
  /** Tries that began and ended in the outage. */
  readonly refusals: number;
  /** Their times to the refusal, milliseconds. */
  readonly refusalMs: readonly number[];
  /** Tries in the outage that ended without a definite answer. */
  readonly unknowns: number;
}

/**
 * Nothing that was first sent in an outage may be acknowledged in it. What was sent before may have become
 * durable before, so its repeat may be acknowledged.
 */
export function checkOutage(
  conversations: ReadonlyMap<string, readonly OperationRecord[]>,
  { from, to }: Outage,
): OutageResult {
  const violations: Violation[] = [];
  const refusalMs: number[] = [];
  let unknowns = 0;
  const isWithin = ({ at, ms }: { at: number; ms: number }) => at - ms > from && at < to;
  for (const operation of [...conversations.values()].flat()) {
    const { sentAt, acks, mark } = operation;
    if (sentAt > from && acks.some(({ at }) => at < to)) {
      violations.push({ kind: "false-ack", detail: `#${mark} was acknowledged in the outage` });
    }
    for (const refusal of operation.refusals) {
      if (refusal.status !== 0 && isWithin(refusal)) refusalMs.push(refusal.ms);
    }
    unknowns += operation.unknowns.filter(isWithin).length;
  }
  return { violations, refusals: refusalMs.length, refusalMs, unknowns };
}
