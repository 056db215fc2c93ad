import type { OperationRecord } from "../model/operations.ts";
import type { HistoryMessage } from "../traffic/api-client.ts";
import { marksIn, type ToolEffect } from "../traffic/record.ts";
import type { Violation, ViolationKind } from "./violations.ts";

/** What the model appends to an answer when it was told that a tool's outcome is unknown. */
const flag = "!unknown";

export interface EffectsResult {
  readonly violations: Violation[];
  readonly effects: number;
  /** Calls whose outcome was reported as unknown instead of being repeated. */
  readonly flagged: number;
}

/**
 * Compares the tool server's own books with the histories: a tool that may not be repeated took effect at
 * most once, exactly once unless it was flagged; one that may has one key for each call.
 */
export function checkEffects(
  conversations: ReadonlyMap<string, readonly OperationRecord[]>,
  histories: ReadonlyMap<string, readonly HistoryMessage[]>,
  effects: readonly ToolEffect[],
): EffectsResult {
  const violations: Violation[] = [];
  const violate = (kind: ViolationKind, detail: string) => void violations.push({ kind, detail });
  const byMark = Map.groupBy(effects, ({ mark }) => mark);
  const flaggedMarks = new Set<string>();
  const answered = new Set<string>();
  for (const messages of histories.values()) {
    for (const { role, text, toolCalls } of messages) {
      if (role !== "assistant" || (toolCalls ?? []).length > 0) continue;
      for (const mark of marksIn(text)) {
        answered.add(mark);
        if (text.includes(flag)) flaggedMarks.add(mark);
      }
    }
  }
  let flagged = 0;
  for (const { mark, tool } of [...conversations.values()].flat()) {
    const done = byMark.get(mark) ?? [];
    if (tool === "none") {
      if (done.length > 0)
        violate("strange", `#${mark} asked for no tool, and ${done[0]?.tool} ran`);
      continue;
    }
    const isFlagged = flaggedMarks.has(mark);
    if (isFlagged) flagged += 1;
    if (tool === "pay" && done.length > 1) {
      violate("tool-doubled", `#${mark}: pay took effect ${done.length} times`);
    }
    const keys = new Set(done.map(({ key }) => key));
    if (tool === "safe" && keys.size > 1) {
      violate("two-keys", `#${mark}: safe ran with ${[...keys].join(" and ")}`);
    }
    if (answered.has(mark) && done.length === 0 && !isFlagged) {
      violate("tool-missing", `#${mark} is answered, and ${tool} never ran`);
    }
  }
  return { violations, effects: effects.length, flagged };
}
