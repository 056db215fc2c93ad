import type { ConversationRef } from "@holdfast/core";
import type { Client } from "../client.ts";
import { mainKey, sessionKeyOf } from "../session-keys.ts";
import { agentModel } from "./agent-views.ts";

/** A session as lists show it. Its id is its conversation: a session never becomes another one. */
export function sessionRow(client: Client, ref: ConversationRef, updatedAt: number | undefined) {
  const { hub, clock } = client.services;
  const runs = hub.activeRuns(ref);
  return {
    key: sessionKeyOf(client.names, ref),
    sessionId: ref.conversation as string,
    agentId: client.names.idOf(ref),
    kind: "direct",
    chatType: "direct",
    isMain: ref.conversation === mainKey,
    displayName: ref.conversation as string,
    updatedAt: updatedAt ?? null,
    lastActivityAt: updatedAt,
    snapshotAt: clock.now(),
    hasActiveRun: runs.length > 0,
    ...(runs.length > 0 && { status: "running" }),
    ...agentModel(client.names.agent(ref)),
  };
}

export type SessionRow = ReturnType<typeof sessionRow>;
