import { delay } from "@holdfast/core";
import { z } from "zod";
import type { Call, Client, Method } from "../client.ts";
import { gatewayLimits } from "../limits.ts";
import { startRun } from "../start-run.ts";
import { agentIdText, readParams, runIdText } from "../params.ts";
import { invalidRequest, ProtocolError } from "../protocol.ts";
import { type Run, type RunOutcome, usageView } from "../run.ts";
import { conversationOf, sessionKeyOf } from "../session-keys.ts";
import { refuseUnsupported, unsupportedParams } from "../unsupported.ts";
import { runTime } from "./chat.ts";

/** Runs whose caller waits for the whole answer. */
export const agentMethods: Readonly<Record<string, Method>> = {
  agent: { scope: "operator.write", run: runAgent },
  "agent.wait": { scope: "operator.read", run: waitForRun },
};

const text = z.string().max(gatewayLimits.sessionKeyChars).optional();

const agentParams = z.object({
  message: z.string(),
  agentId: agentIdText,
  sessionKey: text,
  sessionId: text,
  /** Seconds. */
  timeout: z.number().min(0).optional(),
  extraSystemPrompt: z.string().max(200_000).optional(),
  idempotencyKey: runIdText,
  ...unsupportedParams,
});

/** Answers twice: when the message is durable, and with the end of its turn. */
async function runAgent({ client, params, answer, signal }: Call) {
  const wanted = readParams("agent", agentParams, params);
  refuseUnsupported(wanted);
  if (wanted.message.trim() === "") throw invalidRequest("invalid agent params: message is empty");
  const { clock } = client.services;
  const key = wanted.sessionKey ?? wanted.sessionId;
  const ref = conversationOf(client.names, key, wanted.agentId);
  client.follow(ref);
  const { run, isRepeat, follow } = await startRun(client, {
    ref,
    id: wanted.idempotencyKey,
    text: wanted.message,
    timeoutMs: runTime(wanted.timeout === undefined ? undefined : wanted.timeout * 1_000),
    ...(wanted.extraSystemPrompt && { instructions: wanted.extraSystemPrompt }),
  });
  const sessionKey = sessionKeyOf(client.names, ref);
  const about = { runId: run.id, sessionKey, agentId: client.names.idOf(ref) };
  answer({ ...about, status: "accepted", acceptedAt: clock.now(), ...(isRepeat && { isRepeat }) });
  follow();
  const outcome = await unlessAborted(run, signal);
  if (!outcome)
    throw new ProtocolError({ code: "UNAVAILABLE", message: "the node stops", retryable: true });
  return { ...about, ...finalAnswer(run, outcome, clock.now()), sessionId: ref.conversation };
}

function finalAnswer(run: Run, outcome: RunOutcome, now: number) {
  const durationMs = Math.max(0, now - run.startedAt);
  if (outcome.status === "error") throw new ProtocolError(outcome.error);
  if (outcome.status === "timeout") {
    return { status: "timeout", summary: outcome.error.message, result: { payloads: [] } };
  }
  if (outcome.status === "aborted") {
    const meta = { durationMs, aborted: true, stopReason: "aborted" };
    return { status: "error", summary: "aborted", result: { payloads: [], meta } };
  }
  const { text, turn } = outcome;
  const [provider, ...model] = turn.model.split("/");
  const agentMeta = { provider, model: model.join("/"), usage: usageView(turn.usage) };
  const payloads = text === "" ? [] : [{ text, mediaUrl: null }];
  const meta = { durationMs, aborted: false, stopReason: turn.finish, agentMeta };
  return { status: "ok", summary: "completed", result: { payloads, meta } };
}

const waitParams = z.object({
  runId: runIdText,
  timeoutMs: z.int().min(0).max(gatewayLimits.runMaxMs).default(gatewayLimits.waitMs),
});

/** A run of another node is not known here: asking for it with its idempotency key again finds its answer. */
async function waitForRun({ client, params, signal }: Call) {
  const { runId, timeoutMs } = readParams("agent.wait", waitParams, params);
  const { hub, clock } = client.services;
  const find = () => hub.run(client.caller.organization, runId);
  const run = find() ?? (await delay(clock, timeoutMs, signal).then(find));
  const outcome = run && (run.outcome ?? (await outcomeWithin(client, run, timeoutMs, signal)));
  if (!run || !outcome) return { runId, status: "timeout" };
  const at = { runId, startedAt: run.startedAt, endedAt: clock.now() };
  if (outcome.status === "ok") return { ...at, status: "ok", stopReason: outcome.turn.finish };
  if (outcome.status === "aborted") return { ...at, status: "error", stopReason: "aborted" };
  return { ...at, status: outcome.status, error: outcome.error.message };
}

async function outcomeWithin(client: Client, run: Run, ms: number, signal: AbortSignal) {
  const patience = new AbortController();
  const end = () => patience.abort();
  const cancel = client.services.clock.schedule(ms, end);
  signal.addEventListener("abort", end, { once: true });
  try {
    return await unlessAborted(run, patience.signal);
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
  }
}

function unlessAborted(run: Run, signal: AbortSignal): Promise<RunOutcome | undefined> {
  if (run.outcome) return Promise.resolve(run.outcome);
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const stop = () => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    void run.ended.then((outcome) => {
      signal.removeEventListener("abort", stop);
      resolve(outcome);
    });
  });
}
