import { isDeepStrictEqual } from "node:util";
import type { HistoryMessage } from "../traffic/api-client.ts";
import type { Violation } from "./violations.ts";

/** By node name: what each node says a conversation holds; undefined where it knows of none. */
export type Tellings = ReadonlyMap<string, readonly HistoryMessage[] | undefined>;

/** All nodes must tell the same. */
export function checkNodesAgree(conversation: string, tellings: Tellings): Violation[] {
  const [first, ...others] = [...tellings];
  if (!first) return [];
  return others
    .filter(([, told]) => !isDeepStrictEqual(told, first[1]))
    .map(([node, told]) => ({
      kind: "nodes-differ",
      detail: `${conversation}: ${first[0]} tells ${first[1]?.length} messages, ${node} ${told?.length}`,
    }));
}
