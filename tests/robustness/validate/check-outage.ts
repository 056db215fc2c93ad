import type { OperationRecord } from "../model/operations.ts";
import type { Violation } from "./violations.ts";

/** A time in which nothing can have become durable, monotonic milliseconds. */
export interface Outage {
  readonly from: number;
  readonly to: number;
}

export interface OutageResult {
  readonly violations: Violation[];
  /** Times to the 503 of tries that began and ended in the outage, milliseconds. */
  readonly refusalMs: readonly number[];
  /** How many of these 503 said that the write may have been stored. */
  readonly unconfirmed: number;
  /** Tries in the outage that the node did not answer. */
  readonly unanswered: number;
}

/** While a log's leader has not noticed yet that its majority is gone, no other answer is true. */
const unconfirmedCode = "append_outcome_unknown";
/** Accepted, but the reply did not come while the caller waited. */
const acceptedCode = "wait_timeout";

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
  let unconfirmed = 0;
  let unanswered = 0;
  const isWithin = ({ at, ms }: { at: number; ms: number }) => at - ms > from && at < to;
  for (const operation of [...conversations.values()].flat()) {
    const { sentAt, acks, mark } = operation;
    const accepted = [...acks, ...operation.unknowns.filter(({ why }) => why === acceptedCode)];
    if (sentAt > from && accepted.some(({ at }) => at < to)) {
      violations.push({ kind: "false-ack", detail: `#${mark} was acknowledged in the outage` });
    }
    for (const refusal of operation.refusals) {
      if (refusal.status !== 0 && isWithin(refusal)) refusalMs.push(refusal.ms);
    }
    for (const { why, ms } of operation.unknowns.filter(isWithin)) {
      if (why === acceptedCode) continue;
      if (why === unconfirmedCode) {
        refusalMs.push(ms);
        unconfirmed += 1;
      } else unanswered += 1;
    }
  }
  return { violations, refusalMs, unconfirmed, unanswered };
}
