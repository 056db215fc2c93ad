import { markOf, type Tool, type TrafficEvent } from "../traffic/record.ts";

/** One message that a client wanted to be handled once, with all that the client was told about it. */
export interface OperationRecord {
  readonly mark: string;
  readonly c: string;
  readonly n: number;
  readonly agent: string;
  readonly tool: Tool;
  readonly waits: boolean;
  readonly sentAt: number;
  readonly acks: { readonly at: number; readonly from: number; readonly id: string }[];
  readonly answers: { readonly at: number; readonly text: string }[];
  readonly refusals: {
    readonly at: number;
    readonly code: string;
    readonly status: number;
    readonly ms: number;
  }[];
  readonly unknowns: { readonly at: number; readonly ms: number; readonly why: string }[];
  hasGivenUp: boolean;
}

/**
 * The record as operations, by conversation in the order in which they were sent. Errors: a record that
 * speaks of an operation that was never sent.
 */
export function operationsOf(events: readonly TrafficEvent[]): Map<string, OperationRecord[]> {
  const found = new Map<string, OperationRecord>();
  const byConversation = new Map<string, OperationRecord[]>();
  for (const event of events) {
    const mark = markOf(event.c, event.n);
    if (event.t === "sent") {
      const { c, n, agent, tool, waits, at } = event;
      const lists = { acks: [], answers: [], refusals: [], unknowns: [] };
      const made: OperationRecord = {
        ...lists,
        mark,
        c,
        n,
        agent,
        tool,
        waits,
        sentAt: at,
        hasGivenUp: false,
      };
      found.set(mark, made);
      const others = byConversation.get(c);
      if (others) others.push(made);
      else byConversation.set(c, [made]);
      continue;
    }
    const operation = found.get(mark);
    if (!operation) throw new Error(`The record tells of #${mark}, which was never sent.`);
    if (event.t === "ack") operation.acks.push(event);
    if (event.t === "answer") operation.answers.push(event);
    if (event.t === "refused") operation.refusals.push(event);
    if (event.t === "unknown") operation.unknowns.push(event);
    if (event.t === "gave-up") operation.hasGivenUp = true;
  }
  return byConversation;
}
