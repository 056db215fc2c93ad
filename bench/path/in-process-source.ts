import {
  agentName,
  type Conversations,
  conversationId,
  type ConversationRef,
  organizationName,
} from "@holdfast/core";
import { closedLoop } from "../lib/closed-loop.ts";
import type { LoadPlan, LoadResult } from "../lib/load.ts";
import { agentOf, organization } from "./workload.ts";

/** The path without HTTP: the same turns, asked for in the node's own process. */
export function runInProcess(conversations: Conversations, plan: LoadPlan): Promise<LoadResult> {
  const refs = Array.from(
    { length: plan.conversations },
    (_, number): ConversationRef => ({
      organization: organizationName(organization),
      agent: agentName(agentOf(number)),
      conversation: conversationId(`c${number}`),
    }),
  );
  return closedLoop(plan, async ({ conversation, key, text }) => {
    const ref = refs[conversation];
    if (!ref) throw new Error(`no conversation ${conversation}`);
    const message = { ...ref, key, content: { type: "text" as const, text } };
    const { events } = await conversations.ask(message, new AbortController().signal);
    for await (const event of events) {
      if (event.type === "failed") return `${event.code}: ${event.message}`;
      if (event.type !== "committed") continue;
      const isEcho = event.messages.at(-1)?.text === `echo: ${text}`;
      return isEcho ? undefined : "another answer than the echo";
    }
    return "the events ended without an answer";
  });
}
