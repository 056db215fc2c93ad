import type { Exchange } from "./cluster-load.ts";
import type { ModelAsk } from "./model-process.ts";

export interface ModelRecord {
  readonly calls: number;
  /** Calls beyond the first of their message: a turn that was cut off asks again. */
  readonly repeated: number;
  /**
   * Messages asked about after their reply had reached its client: by a node that did not know yet that the
   * partition is no longer its own. Whether that had any effect is shown by the histories.
   */
  readonly late: number;
  /** Messages that have a reply, and for which the model was never asked. */
  readonly lost: number;
  /** Messages that were asked about before the message in front of them in their conversation. */
  readonly reordered: number;
  /** Of the late ones: when, counted from the message's first call and from its reply. */
  readonly examples: readonly string[];
}

const namedExamples = 5;

/** Compares what the model was asked with the replies that the clients got. */
export function readModelRecord(
  asks: readonly ModelAsk[],
  exchanges: readonly Exchange[],
): ModelRecord {
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { id, at } of asks) {
    if (!first.has(id)) first.set(id, at);
    last.set(id, at);
  }
  const examples: string[] = [];
  let late = 0;
  let lost = 0;
  let reordered = 0;
  const before = new Map<number, number>();
  for (const { id, conversation, repliedAt } of exchanges) {
    const begun = first.get(id);
    if (begun === undefined) {
      lost += 1;
      continue;
    }
    const lateMs = (last.get(id) ?? 0) - performance.timeOrigin - repliedAt;
    if (lateMs > 0) {
      late += 1;
      const spanMs = (last.get(id) ?? 0) - begun;
      const example = `${id}: asked again after ${Math.round(spanMs)} ms, ${Math.round(lateMs)} ms after its reply`;
      if (examples.length < namedExamples) examples.push(example);
    }
    if (begun < (before.get(conversation) ?? 0)) reordered += 1;
    before.set(conversation, begun);
  }
  const repeated = asks.length - first.size;
  return { calls: asks.length, repeated, late, lost, reordered, examples };
}
