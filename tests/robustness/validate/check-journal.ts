import { decodeRecord } from "../../../packages/core/src/path/records.ts";
import type { Violation, ViolationKind } from "./violations.ts";

interface Head {
  readonly epoch: number;
  readonly node: string;
  readonly watermark: number;
}

interface Entry {
  readonly t: string;
  readonly turn?: string;
  readonly step?: { readonly kind: string; readonly callId?: string };
}

export interface JournalResult {
  readonly violations: Violation[];
  readonly records: number;
  /** Owners in the order of their epochs. */
  readonly owners: readonly { readonly epoch: number; readonly node: string }[];
}

/**
 * Reads a partition's journal as the engine kept it. Every record must belong to the epoch that opened last,
 * and to one node in each epoch: only then was there never more than one accepted owner.
 */
export function checkJournal(name: string, stored: readonly Uint8Array[]): JournalResult {
  const violations: Violation[] = [];
  const violate = (kind: ViolationKind, detail: string) =>
    void violations.push({ kind, detail: `${name}: ${detail}` });
  const owners: { epoch: number; node: string }[] = [];
  const finished = new Set<string>();
  let watermark = 0;
  for (const [place, bytes] of stored.entries()) {
    const { head, entries } = decodeRecord<Head, Entry>(bytes, name);
    const current = owners.at(-1);
    if (!current || head.epoch > current.epoch) {
      const opens = entries.some(({ t }) => t === "opened");
      if (current && !opens) violate("two-owners", `epoch ${head.epoch} wrote before it opened`);
      owners.push({ epoch: head.epoch, node: head.node });
    } else if (head.epoch < current.epoch) {
      violate("two-owners", `record ${place} of epoch ${head.epoch} behind epoch ${current.epoch}`);
    } else if (head.node !== current.node) {
      violate("two-owners", `epoch ${head.epoch} is written by ${current.node} and ${head.node}`);
    }
    if (head.watermark < watermark) violate("reordered", `the watermark fell at record ${place}`);
    watermark = Math.max(watermark, head.watermark);
    for (const { t, turn, step } of entries) {
      if (t !== "step" || step?.kind !== "tool" || step.callId === undefined) continue;
      const call = `${turn}|${step.callId}`;
      if (finished.has(call)) violate("step-repeated", `the tool call ${call} finished twice`);
      finished.add(call);
    }
  }
  return { violations, records: stored.length, owners };
}
