import type { Workload } from "./contender.ts";
import { conversationPath } from "./holdfast-agents.ts";
import { callApi, type PeerApi } from "./peer-api.ts";

/** Texts of a conversation, oldest first. */
export async function readHistory(
  api: PeerApi,
  workload: Workload,
  conversation: number,
): Promise<string[]> {
  const path = `${conversationPath(workload, conversation)}/messages?after=-1&limit=1000`;
  const { messages } = await callApi<{ messages: { text: string }[] }>(api, "GET", path);
  return messages.map(({ text }) => text);
}

/** Whether this node has nothing that waits for an answer. */
export async function hasNothingPending(api: PeerApi): Promise<boolean> {
  const text = await callApi<string>(api, "GET", "/metrics");
  const value = (name: string) => new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
  return value("holdfast_messages_pending") === "0" && value("holdfast_inbox_lag_records") === "0";
}
