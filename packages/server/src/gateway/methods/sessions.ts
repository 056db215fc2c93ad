import type { AgentRef, ConversationRef } from "@holdfast/core";
import { z } from "zod";
import { refOfAgent } from "../agent-names.ts";
import type { Call, Client, Method } from "../client.ts";
import { gatewayLimits } from "../limits.ts";
import { startRun } from "../start-run.ts";
import { agentIdText, readParams, runIdText, sessionKeyText } from "../params.ts";
import { invalidRequest } from "../protocol.ts";
import { conversationOf, mainKey, sessionKeyOf } from "../session-keys.ts";
import { refuseUnsupported, unsupportedParams } from "../unsupported.ts";
import { agentModel } from "./agent-views.ts";
import { readHistory } from "./read-history.ts";
import { sessionRow, type SessionRow } from "./session-rows.ts";

/** Which sessions there are, and what is told of them. */
export const sessionMethods: Readonly<Record<string, Method>> = {
  "sessions.list": { scope: "operator.read", run: list },
  "sessions.describe": { scope: "operator.read", run: describe },
  "sessions.resolve": { scope: "operator.read", run: resolve },
  "sessions.preview": { scope: "operator.read", run: preview },
  "sessions.create": { scope: "operator.write", run: create },
  "sessions.subscribe": { scope: "operator.read", run: subscribe },
  "sessions.unsubscribe": { scope: "operator.read", run: unsubscribe },
  "sessions.messages.subscribe": { scope: "operator.read", run: subscribeMessages },
  "sessions.messages.unsubscribe": { scope: "operator.read", run: unsubscribeMessages },
};

const listParams = z.object({
  agentId: agentIdText,
  limit: z.int().min(1).max(1_000).default(100),
  offset: z.int().min(0).default(0),
  search: z.string().max(200).optional(),
  activeMinutes: z.number().min(0).optional(),
  includeLastMessage: z.boolean().optional(),
  includeDerivedTitles: z.boolean().optional(),
});

async function list({ client, params }: Call) {
  return (await listSessions(client, readParams("sessions.list", listParams, params))).answer;
}

/** The newest sessions of the agents that the client reaches, as far as gateways saw them. */
async function listSessions(client: Client, wanted: z.infer<typeof listParams>) {
  const { clock } = client.services;
  const known = await knownSessions(client, wanted.agentId);
  const since =
    wanted.activeMinutes === undefined ? 0 : clock.now() - wanted.activeMinutes * 60_000;
  const search = wanted.search?.trim().toLowerCase() ?? "";
  const fitting = known.filter(
    ({ ref, at }) => at >= since && sessionKeyOf(client.names, ref).toLowerCase().includes(search),
  );
  const page = fitting.slice(wanted.offset, wanted.offset + wanted.limit);
  const rows: SessionRow[] = page.map(({ ref, at }) => sessionRow(client, ref, at));
  const sessions =
    wanted.includeLastMessage || wanted.includeDerivedTitles
      ? await withPreviews(
          client,
          page.map(({ ref }) => ref),
          rows,
        )
      : rows;
  const nextOffset = wanted.offset + page.length;
  const answer = {
    ts: clock.now(),
    path: "cluster",
    count: sessions.length,
    totalCount: fitting.length,
    hasMore: nextOffset < fitting.length,
    ...(nextOffset < fitting.length && { nextOffset }),
    defaults: defaultsOf(client, wanted.agentId),
    sessions,
  };
  return { answer, refs: page.map(({ ref }) => ref) };
}

/** The newest first. */
export async function knownSessions(client: Client, agentId: string | undefined) {
  const agents: AgentRef[] =
    agentId === undefined || agentId === ""
      ? client.names.list(gatewayLimits.agentsPerListing).map(refOfAgent)
      : [client.names.refOf(agentId)];
  const found = await Promise.all(
    agents.map(async ({ organization, agent }) => {
      const recent = await client.services.index.recent({ organization, agent });
      return recent.map(({ conversation, at }) => ({
        ref: { organization, agent, conversation },
        at,
      }));
    }),
  );
  return found.flat().sort((a, b) => b.at - a.at);
}

async function withPreviews(client: Client, refs: readonly ConversationRef[], rows: SessionRow[]) {
  return Promise.all(
    rows.map(async (row, index) => {
      const ref = refs[index];
      if (!ref || index >= gatewayLimits.previewKeys) return row;
      const last = (await previewItems(client, ref, 1, 200)).at(-1);
      return last ? { ...row, lastMessagePreview: last.text } : row;
    }),
  );
}

function defaultsOf({ names }: Client, agentId: string | undefined) {
  const ref = agentId ? names.refOf(agentId) : names.mustChoose ? undefined : names.defaultRef();
  const { model = null, modelProvider = null } = agentModel(ref && names.agent(ref));
  return { model, modelProvider, contextTokens: null };
}

const keyParams = z.object({ key: sessionKeyText, agentId: agentIdText });

async function describe({ client, params }: Call) {
  const { key, agentId } = readParams("sessions.describe", keyParams, params);
  const ref = conversationOf(client.names, key, agentId);
  return { session: (await foundRow(client, ref)) ?? null };
}

/** Undefined for a session in which nobody wrote yet. */
async function foundRow(client: Client, ref: ConversationRef): Promise<SessionRow | undefined> {
  const { messages } = await readHistory(client, ref, { limit: 1, offset: 0, maxChars: 1 });
  const last = messages.at(-1);
  if (!last && client.services.hub.activeRuns(ref).length === 0) return undefined;
  return sessionRow(client, ref, last?.timestamp ?? client.services.clock.now());
}

const resolveParams = z.object({
  key: sessionKeyText.optional(),
  sessionId: sessionKeyText.optional(),
  label: sessionKeyText.optional(),
  reference: z.object({ key: sessionKeyText }).optional(),
  agentId: agentIdText,
  allowMissing: z.boolean().optional(),
});

async function resolve({ client, params }: Call) {
  const wanted = readParams("sessions.resolve", resolveParams, params);
  const key = wanted.key ?? wanted.reference?.key ?? wanted.sessionId ?? wanted.label;
  if (key === undefined)
    throw invalidRequest("invalid sessions.resolve params: key or sessionId is needed");
  const ref = conversationOf(client.names, key, wanted.agentId);
  const row = await foundRow(client, ref);
  if (row) return { ok: true, key: row.key, agentId: row.agentId, displayName: row.displayName };
  if (wanted.allowMissing) return { ok: false };
  throw invalidRequest(`no session found: ${key}`);
}

const previewParams = z.object({
  keys: z.array(sessionKeyText).min(1).max(gatewayLimits.previewKeys),
  limit: z.int().min(1).max(gatewayLimits.previewMessages).default(12),
  maxChars: z.int().min(20).max(gatewayLimits.previewChars).default(240),
});

async function preview({ client, params }: Call) {
  const { keys, limit, maxChars } = readParams("sessions.preview", previewParams, params);
  const previews = await Promise.all(
    keys.map(async (key) => {
      const ref = conversationOf(client.names, key, undefined);
      const items = await previewItems(client, ref, limit, maxChars);
      return { key, status: items.length > 0 ? "ok" : "missing", items };
    }),
  );
  return { ts: client.services.clock.now(), previews };
}

async function previewItems(client: Client, ref: ConversationRef, limit: number, maxChars: number) {
  const { messages } = await readHistory(client, ref, { limit, offset: 0, maxChars });
  return messages.map(({ role, content }) => ({
    role: role === "toolResult" ? "tool" : role,
    text: content.map((part) => ("text" in part ? part.text : "")).join(""),
  }));
}

const createParams = z.object({
  key: sessionKeyText.optional(),
  agentId: agentIdText,
  message: z.string().optional(),
  task: z.string().optional(),
  idempotencyKey: runIdText.optional(),
  ...unsupportedParams,
});

/** A session begins with its first message, so this gives a name to write to, and writes what is given. */
async function create({ client, params }: Call) {
  const wanted = readParams("sessions.create", createParams, params);
  refuseUnsupported(wanted);
  const ref = conversationOf(client.names, wanted.key ?? crypto.randomUUID(), wanted.agentId);
  client.follow(ref);
  const { clock } = client.services;
  const row = sessionRow(client, ref, clock.now());
  const text = wanted.message ?? wanted.task ?? "";
  const answer = { ok: true, key: row.key, sessionId: row.sessionId, entry: row };
  if (text.trim() === "") return answer;
  const id = wanted.idempotencyKey ?? crypto.randomUUID();
  const { run, follow } = await startRun(client, { ref, id, text, timeoutMs: gatewayLimits.runMs });
  clock.schedule(gatewayLimits.firstEventMs, follow);
  return { ...answer, runStarted: true, runId: run.id };
}

/** Follows the newest sessions, and whichever the client opens. */
async function subscribe({ client, params }: Call) {
  client.wishes.sessions = true;
  const wanted = readParams("sessions.subscribe", listParams, params);
  const { answer, refs } = await listSessions(client, wanted);
  // Half of what a connection may follow, so that what it opens itself finds room.
  for (const ref of refs.slice(0, gatewayLimits.sessionsPerConnection / 2)) client.follow(ref);
  const isEmpty = Object.keys(params ?? {}).length === 0;
  return isEmpty ? { subscribed: true } : { subscribed: true, ...answer };
}

function unsubscribe({ client }: Call) {
  client.wishes.sessions = false;
  return { subscribed: false };
}

function subscribeMessages({ client, params }: Call) {
  const { key, agentId } = readParams("sessions.messages.subscribe", keyParams, params);
  const ref = conversationOf(client.names, key, agentId);
  client.follow(ref);
  const own = sessionKeyOf(client.names, ref);
  client.wishes.messages.add(own);
  return { subscribed: true, key: own };
}

function unsubscribeMessages({ client, params }: Call) {
  const { key, agentId } = readParams("sessions.messages.unsubscribe", keyParams, params);
  const own = sessionKeyOf(client.names, conversationOf(client.names, key, agentId));
  client.wishes.messages.delete(own);
  return { subscribed: false, key: own };
}

/** What clients call an agent's first session. */
export function mainSessionKey(client: Client, ref: AgentRef): string {
  return `agent:${client.names.idOf(ref)}:${mainKey}`;
}
