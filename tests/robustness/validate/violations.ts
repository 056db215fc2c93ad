/** Every way in which a promise can be seen to be broken. */
export type ViolationKind =
  /** Acknowledged, and not in the history, or not answered. */
  | "lost"
  /** Stands twice in the history. */
  | "doubled"
  /** Answered twice. */
  | "double-reply"
  /** Handled before one that was acknowledged before it was sent. */
  | "reordered"
  /** In the history, and sent by nobody; or not as it was sent. */
  | "strange"
  /** Refused as without effect, and it took effect. */
  | "refused-took-effect"
  /** A repeat with the same key was given another id. */
  | "two-ids"
  /** The client was told an answer that the history does not hold. */
  | "told-otherwise"
  /** The indices of a history are not 0, 1, 2, ... */
  | "gap"
  /** Two nodes tell two histories. */
  | "nodes-differ"
  /** Acknowledged while a majority was known to be away. */
  | "false-ack"
  /** A tool that may not be repeated took effect twice. */
  | "tool-doubled"
  /** The answer says that a tool has run, and its books say no. */
  | "tool-missing"
  /** One call had two idempotency keys. */
  | "two-keys"
  /** A journal took a record of an epoch that had been followed by another. */
  | "two-owners"
  /** A partition moved more often than it may. */
  | "flapped"
  /** A step stands in the journal twice. */
  | "step-repeated";

export interface Violation {
  readonly kind: ViolationKind;
  readonly detail: string;
}

export function countKinds(
  violations: readonly Violation[],
): Partial<Record<ViolationKind, number>> {
  const counts: Partial<Record<ViolationKind, number>> = {};
  for (const { kind } of violations) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
