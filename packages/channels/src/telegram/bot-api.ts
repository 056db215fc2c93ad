import { HoldfastError, type AccountOptions } from "@holdfast/core";
import type { ApiMethods, Opts } from "grammy/types";
import { z } from "zod";
import { createHttpClient, type HttpClient } from "./http.ts";
import { telegramLimits } from "./limits.ts";
import type { Settings } from "./settings.ts";

/** What became of one call of the Bot API. */
export type CallResult =
  | { readonly type: "ok"; readonly result: unknown }
  /** Telegram itself says that it did not do it. */
  | {
      readonly type: "refused";
      readonly code: number;
      readonly description: string;
      readonly retryAfterMs: number | undefined;
      /** The group became the supergroup of this id. */
      readonly migrateTo: string | undefined;
    }
  | { readonly type: "unauthorized"; readonly reason: string }
  | { readonly type: "not-sent"; readonly reason: string }
  /** It may have been done. */
  | { readonly type: "unclear"; readonly reason: string };

export type DownloadResult =
  | { readonly type: "ok"; readonly data: Uint8Array }
  | { readonly type: "too-large" }
  | { readonly type: "unavailable"; readonly reason: string };

type Method = Extract<keyof ApiMethods, string>;

export interface BotApi {
  /** One try. Errors: none. */
  call<M extends Method>(method: M, parameters: Opts<M>, options: CallOptions): Promise<CallResult>;
  /** A file whose path `getFile` told. Errors: none. */
  download(filePath: string, signal: AbortSignal): Promise<DownloadResult>;
  close(): Promise<void>;
}

interface CallOptions {
  readonly signal: AbortSignal;
  readonly timeLimitMs?: number;
  readonly answerBytesMax?: number;
}

/**
 * The Bot API by its own hands; grammY's types check the calls. Its client is not used: it gives one error
 * for everything between a refused connection and a lost answer, and here one of them is tried again and
 * the other must not be. The token is read anew for every call, and stands in no reason.
 */
export function createBotApi(options: AccountOptions<Settings>): BotApi {
  const http = createHttpClient(options.clock);
  const base = new URL(options.settings.apiUrl);
  const prefix = base.pathname.replace(/\/+$/, "");

  return {
    async call(method, parameters, { signal, timeLimitMs, answerBytesMax }) {
      const token = readToken(options);
      if (token instanceof HoldfastError) return { type: "unauthorized", reason: token.message };
      const outcome = await http.request({
        method: "POST",
        origin: base.origin,
        path: `${prefix}/bot${token}/${method}`,
        body: JSON.stringify(parameters),
        timeLimitMs: timeLimitMs ?? telegramLimits.requestTimeoutMs,
        answerBytesMax: answerBytesMax ?? telegramLimits.answerBytes,
        signal,
      });
      return outcome.type === "answer" ? readAnswer(outcome, token) : outcome;
    },
    async download(filePath, signal) {
      const token = readToken(options);
      if (token instanceof HoldfastError) return { type: "unavailable", reason: token.message };
      return download(http, base.origin, `${prefix}/file/bot${token}/${filePath}`, signal);
    },
    close: () => http.close(),
  };
}

/** The result of a call that only asks, or may be repeated. Errors: `account_unauthorized`, `channel_unavailable`. */
export function resultOf(called: CallResult): unknown {
  if (called.type === "ok") return called.result;
  if (called.type === "unauthorized") {
    throw new HoldfastError("account_unauthorized", called.reason);
  }
  const retryAfterMs = called.type === "refused" ? called.retryAfterMs : undefined;
  const options = retryAfterMs === undefined ? {} : { retryAfterMs };
  throw new HoldfastError("channel_unavailable", `Telegram: ${reasonOf(called)}`, options);
}

/** Why a call was not answered with a result. */
export function reasonOf(called: Exclude<CallResult, { type: "ok" }>): string {
  return called.type === "refused" ? called.description : called.reason;
}

function readToken(options: AccountOptions<Settings>): string | HoldfastError {
  try {
    const token = options.secret(options.settings.token);
    if (/^[A-Za-z0-9:_-]{1,256}$/.test(token)) return token;
    return new HoldfastError(
      "account_unauthorized",
      "The bot's token is empty or holds characters that no token has; copy it whole from BotFather.",
    );
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    return new HoldfastError("account_unauthorized", "The bot's token cannot be read.");
  }
}

const answerSchema = z.union([
  z.looseObject({ ok: z.literal(true), result: z.unknown().optional() }),
  z.looseObject({
    ok: z.literal(false),
    error_code: z.int(),
    description: z.string().catch(""),
    parameters: z
      .looseObject({
        retry_after: z.number().min(0).optional().catch(undefined),
        migrate_to_chat_id: z.int().optional().catch(undefined),
      })
      .optional()
      .catch(undefined),
  }),
]);

function readAnswer(
  { status, body }: { readonly status: number; readonly body: Uint8Array },
  token: string,
): CallResult {
  const answer = answerSchema.safeParse(parseJson(body)).data;
  if (!answer || (answer.ok && (status < 200 || status > 299))) {
    return { type: "unclear", reason: `HTTP ${status} without an answer of the Bot API` };
  }
  if (answer.ok) return { type: "ok", result: answer.result };

  const { error_code: code, parameters } = answer;
  const description = clean(answer.description, token) || `error ${code}`;
  // 404 is the answer for a token that never was; this node names only methods that exist.
  if (code === 401 || code === 404 || (code === 400 && /logged out/i.test(description))) {
    return { type: "unauthorized", reason: `Telegram refuses the bot's token (${description}).` };
  }
  // A gateway in front says these two, and a server that stops says the last; none knows what was done.
  if (code === 502 || code === 504 || (code >= 500 && /restart/i.test(description))) {
    return { type: "unclear", reason: description };
  }
  const { retry_after: seconds, migrate_to_chat_id: migrateTo } = parameters ?? {};
  return {
    type: "refused",
    code,
    description,
    retryAfterMs: seconds === undefined ? undefined : Math.ceil(seconds * 1_000),
    migrateTo: migrateTo === undefined ? undefined : String(migrateTo),
  };
}

async function download(
  http: HttpClient,
  origin: string,
  path: string,
  signal: AbortSignal,
): Promise<DownloadResult> {
  const outcome = await http.request({
    method: "GET",
    origin,
    path,
    timeLimitMs: telegramLimits.fileTimeoutMs,
    answerBytesMax: telegramLimits.fileBytes,
    signal,
  });
  if (outcome.type === "answer" && outcome.status === 200)
    return { type: "ok", data: outcome.body };
  if (outcome.type === "answer") return { type: "unavailable", reason: `HTTP ${outcome.status}` };
  if (outcome.type === "unclear" && outcome.isTooLarge) return { type: "too-large" };
  return { type: "unavailable", reason: outcome.reason };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Telegram quotes no tokens, but a server in its place might. */
function clean(text: string, token: string): string {
  return text.replaceAll(token, "(token)").slice(0, telegramLimits.descriptionChars);
}
