import type { ConversationRef } from "@holdfast/core";
import { z } from "zod";
import type { Call, Client, Method } from "../client.ts";
import { gatewayLimits } from "../limits.ts";
import { startRun } from "../start-run.ts";
import { agentIdText, readParams, runIdText, sessionKeyText } from "../params.ts";
import { invalidRequest } from "../protocol.ts";
import { conversationOf } from "../session-keys.ts";
import { refuseUnsupported, unsupportedParams } from "../unsupported.ts";
import { readHistory } from "./read-history.ts";
import { sessionRow } from "./session-rows.ts";

/** Messages of a session, and runs that begin with one. */
export const chatMethods: Readonly<Record<string, Method>> = {
  "chat.send": { scope: "operator.write", run: (call) => send(call, "chat.send", sendParams) },
  "sessions.send": { scope: "operator.write", run: sendToSession },
  "chat.history": { scope: "operator.read", run: history },
  "chat.abort": { scope: "operator.write", run: abortChat },
  "sessions.abort": { scope: "operator.write", run: abortSession },
};

/** Milliseconds; 0 for as long as a run may take. */
const timeoutMs = z.number().min(0).optional();

const sendParams = z.object({
  sessionKey: sessionKeyText,
  agentId: agentIdText,
  message: z.string(),
  timeoutMs,
  idempotencyKey: runIdText,
  ...unsupportedParams,
});

async function send(
  { client, params }: Call,
  method: string,
  schema: z.ZodType<z.infer<typeof sendParams>>,
) {
  const wanted = readParams(method, schema, params);
  refuseUnsupported(wanted);
  if (wanted.message.trim() === "") throw invalidRequest("message or attachment required");
  const ref = conversationOf(client.names, wanted.sessionKey, wanted.agentId);
  // Before the message: none of its events may be missed.
  client.follow(ref);
  const started = await startRun(client, {
    ref,
    id: wanted.idempotencyKey,
    text: wanted.message,
    timeoutMs: runTime(wanted.timeoutMs),
  });
  // Also when the client is gone: others may follow the session.
  client.services.clock.schedule(gatewayLimits.firstEventMs, started.follow);
  return { runId: started.run.id, status: started.isRepeat ? "in_flight" : "started" };
}

/** The same under the names that this method gives its parameters. */
function sendToSession(call: Call) {
  const { key, ...rest } = readParams(
    "sessions.send",
    z.looseObject({ key: sessionKeyText, idempotencyKey: runIdText.optional() }),
    call.params,
  );
  const idempotencyKey = rest.idempotencyKey ?? crypto.randomUUID();
  const params = { ...rest, sessionKey: key, idempotencyKey };
  return send({ ...call, params }, "sessions.send", sendParams);
}

const historyParams = z.object({
  sessionKey: sessionKeyText,
  agentId: agentIdText,
  limit: z.int().min(1).max(gatewayLimits.historyMessages).default(200),
  offset: z.int().min(0).default(0),
  cursor: z.string().max(1_000).optional(),
  maxChars: z.int().min(1).max(gatewayLimits.messageChars).default(gatewayLimits.messageChars),
});

async function history({ client, params }: Call) {
  const wanted = readParams("chat.history", historyParams, params);
  const ref = conversationOf(client.names, wanted.sessionKey, wanted.agentId);
  // First: what is committed while the history is read comes as an event.
  client.follow(ref);
  // Nothing is kept of what a client has seen: it reads the newest part again.
  if (wanted.cursor !== undefined) return { kind: "reset" };
  const { messages, total, nextOffset } = await readHistory(client, ref, wanted);
  const run = client.services.hub.activeRuns(ref).at(-1);
  const row = sessionRow(client, ref, messages.at(-1)?.timestamp);
  return {
    sessionKey: row.key,
    sessionId: row.sessionId,
    messages,
    totalMessages: total,
    offset: wanted.offset,
    hasMore: nextOffset !== undefined,
    ...(nextOffset !== undefined && { nextOffset }),
    sessionInfo: row,
    ...(run && { inFlightRun: { runId: run.id, text: run.text } }),
  };
}

const abortParams = z.object({
  sessionKey: sessionKeyText,
  agentId: agentIdText,
  runId: runIdText.optional(),
});

/**
 * Ends runs for the clients of this node. The message behind a run is durable and its turn goes on: an
 * answer that is ready later stands in the history all the same, as an agent may have acted already.
 */
function abortChat({ client, params }: Call) {
  const { sessionKey, agentId, runId } = readParams("chat.abort", abortParams, params);
  return abortRuns(client, conversationOf(client.names, sessionKey, agentId), runId);
}

function abortSession({ client, params }: Call) {
  const schema = z.object({
    key: sessionKeyText.optional(),
    agentId: agentIdText,
    runId: runIdText.optional(),
  });
  const { key, agentId, runId } = readParams("sessions.abort", schema, params);
  if (key === undefined) throw invalidRequest("invalid sessions.abort params: key is needed");
  return abortRuns(client, conversationOf(client.names, key, agentId), runId);
}

function abortRuns(client: Client, ref: ConversationRef, runId: string | undefined) {
  const { hub } = client.services;
  const runs = hub.activeRuns(ref).filter(({ id }) => runId === undefined || id === runId);
  for (const run of runs) hub.abort(run);
  return { ok: true, aborted: runs.length > 0, runIds: runs.map(({ id }) => id) };
}

export function runTime(ms: number | undefined): number {
  if (ms === undefined) return gatewayLimits.runMs;
  return ms === 0 ? gatewayLimits.runMaxMs : Math.min(ms, gatewayLimits.runMaxMs);
}
