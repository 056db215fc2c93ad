import { type AgentRef, agentKey } from "../ids.ts";

/** Stage 2 of the message path: which partition an agent's conversations live in. */
export function partitionOf(ref: AgentRef, partitions: number): number {
  return fnv1a(agentKey(ref)) % partitions;
}

/** FNV-1a, 32 bits (RFC 9923), with a final mix so that short names spread over few partitions. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

export function inboxLog(partition: number): string {
  return `inbox-${partition}`;
}

export function journalLog(partition: number): string {
  return `journal-${partition}`;
}
