import { operationsOf, type OperationRecord } from "../model/operations.ts";
import type { HistoryMessage, NodeApi } from "../traffic/api-client.ts";
import { readRecord, type ToolEffect, type TrafficEvent } from "../traffic/record.ts";
import { checkEffects } from "./check-effects.ts";
import { checkHistory } from "./check-history.ts";
import { checkNodesAgree } from "./check-nodes.ts";
import type { Violation } from "./violations.ts";

export interface Verified {
  readonly violations: readonly Violation[];
  readonly conversations: ReadonlyMap<string, readonly OperationRecord[]>;
  readonly operations: readonly OperationRecord[];
  readonly acknowledged: number;
  readonly answered: number;
  readonly givenUp: number;
  readonly effects: number;
  readonly flagged: number;
}

const readsInFlight = 16;

/**
 * Reads the record of a run and every conversation's history through the API of every node, and compares.
 * It knows nothing of the cluster but its answers.
 */
export async function verify(
  recordFile: string,
  effectsFile: string,
  apis: ReadonlyMap<string, NodeApi>,
): Promise<Verified> {
  const conversations = operationsOf(readRecord<TrafficEvent>(recordFile));
  const effects = readRecord<ToolEffect>(effectsFile);
  const violations: Violation[] = [];
  const histories = new Map<string, readonly HistoryMessage[]>();
  const waiting = [...conversations];
  const readAll = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [c, operations] = next;
      const agent = operations[0]?.agent ?? "";
      const tellings = new Map<string, HistoryMessage[] | undefined>();
      for (const [node, api] of apis) tellings.set(node, await api.history(agent, c));
      violations.push(...checkNodesAgree(c, tellings));
      const history = [...tellings.values()].find((told) => told !== undefined) ?? [];
      histories.set(c, history);
      violations.push(...checkHistory(operations, history));
    }
  };
  await Promise.all(Array.from({ length: readsInFlight }, readAll));
  const tools = checkEffects(conversations, histories, effects);
  const operations = [...conversations.values()].flat();
  return {
    violations: [...violations, ...tools.violations],
    conversations,
    operations,
    acknowledged: operations.filter(({ acks }) => acks.length > 0).length,
    answered: operations.filter(({ answers }) => answers.length > 0).length,
    givenUp: operations.filter(({ hasGivenUp }) => hasGivenUp).length,
    effects: tools.effects,
    flagged: tools.flagged,
  };
}
