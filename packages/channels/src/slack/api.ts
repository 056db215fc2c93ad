import type { Clock } from "@holdfast/core";
import {
  type FetchFunction,
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebClient,
} from "@slack/web-api";
import { Agent, DecoratorHandler, type Dispatcher, fetch } from "undici";
import { slackLimits } from "./limits.ts";
import { silentLogger } from "./silent-logger.ts";

/** What became of one request to the Web API. */
export type ApiAnswer =
  | {
      readonly kind: "ok";
      readonly body: Readonly<Record<string, unknown>>;
      readonly scopes: readonly string[] | undefined;
    }
  /** Slack's own answer that it did not do it; `error` is its word for why. */
  | { readonly kind: "refused"; readonly error: string; readonly needed?: string }
  | { readonly kind: "limited"; readonly afterMs: number }
  /** No byte of the request was written. */
  | { readonly kind: "not-sent"; readonly reason: string }
  /** It was written, and what Slack made of it is not known. */
  | { readonly kind: "lost"; readonly reason: string };

export interface ApiCall {
  readonly token: string;
  readonly method: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

export interface SlackApi {
  /** One request; nothing is repeated. Errors: none. */
  call(call: ApiCall): Promise<ApiAnswer>;
  close(): Promise<void>;
}

export function createSlackApi(apiUrl: string, clock: Clock): SlackApi {
  const agent = new Agent({
    connect: { timeout: slackLimits.connectTimeoutMs },
    connections: slackLimits.connectionsPerAccount,
    keepAliveTimeout: slackLimits.idleConnectionMs,
    maxResponseSize: slackLimits.answerBytes,
    // HTTP/2 opens its streams differently: "was it written" is known for HTTP/1.1 alone.
    allowH2: false,
  });
  return {
    call: (call) => callOnce(agent, apiUrl, clock, call),
    close: () => agent.destroy(),
  };
}

async function callOnce(
  agent: Agent,
  apiUrl: string,
  clock: Clock,
  call: ApiCall,
): Promise<ApiAnswer> {
  if (call.signal.aborted) return { kind: "not-sent", reason: "The request was given up." };
  const timeLimit = new AbortController();
  const cancel = clock.schedule(call.timeoutMs ?? slackLimits.requestTimeoutMs, () =>
    timeLimit.abort(),
  );
  const watched = watchedFetch(agent, AbortSignal.any([call.signal, timeLimit.signal]));
  try {
    const client = new WebClient(call.token, {
      slackApiUrl: apiUrl,
      allowAbsoluteUrls: false,
      fetch: watched.fetch,
      logger: silentLogger,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
    });
    const body = await client.apiCall(call.method, { ...call.args });
    return { kind: "ok", body: { ...body }, scopes: body.response_metadata?.scopes };
  } catch (error) {
    if (!watched.isWritten()) return { kind: "not-sent", reason: wordsOf(error, timeLimit.signal) };
    return (
      answerOf(error, watched.status()) ?? {
        kind: "lost",
        reason: wordsOf(error, timeLimit.signal),
      }
    );
  } finally {
    cancel();
  }
}

/** A fetch that knows whether its request was begun to be written. */
function watchedFetch(agent: Agent, signal: AbortSignal) {
  let isWritten = false;
  let status: number | undefined;
  const dispatcher = agent.compose(
    (dispatch) => (options, handler) =>
      dispatch(
        options,
        new WriteWatcher(handler, () => {
          isWritten = true;
        }),
      ),
  );
  const watched: FetchFunction = async (url, init = {}) => {
    const { method, headers, body, redirect } = init;
    const response = await fetch(url, {
      ...(method === undefined ? {} : { method }),
      ...(headers === undefined ? {} : { headers }),
      ...(typeof body === "string" ? { body } : {}),
      ...(redirect === undefined ? {} : { redirect }),
      dispatcher,
      signal,
    });
    status = response.status;
    return response;
  };
  return { fetch: watched, isWritten: () => isWritten, status: () => status };
}

class WriteWatcher extends DecoratorHandler {
  readonly #onWrite: () => void;
  readonly #inner: Dispatcher.DispatchHandler;

  constructor(inner: Dispatcher.DispatchHandler, onWrite: () => void) {
    super(inner);
    this.#inner = inner;
    this.#onWrite = onWrite;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    // Called on a connected socket, immediately before the first byte.
    this.#onWrite();
    this.#inner.onRequestStart?.(controller, context);
  }
}

/** Undefined when Slack's own words are not to be found in it. */
function answerOf(error: unknown, status: number | undefined): ApiAnswer | undefined {
  if (error instanceof WebAPIRateLimitedError) {
    const afterMs = Math.min(error.retryAfter * 1_000, slackLimits.rateLimitMaxMs);
    return { kind: "limited", afterMs: Math.max(afterMs, 0) };
  }
  if (status === 429) return { kind: "limited", afterMs: slackLimits.rateLimitDefaultMs };
  if (error instanceof WebAPIPlatformError) return refusedBy(error.data);
  if (error instanceof WebAPIHTTPError) {
    const body: unknown = error.body;
    return refusedBy(typeof body === "string" ? parsed(body) : body);
  }
  return undefined;
}

function refusedBy(body: unknown): ApiAnswer | undefined {
  if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
  if (!("ok" in body) || body.ok !== false) return undefined;
  const { error } = body;
  // The library puts the text of an answer that is no JSON here, too.
  if (typeof error !== "string" || !/^[a-z][a-z0-9_]{0,79}$/.test(error)) return undefined;
  const needed = "needed" in body && typeof body.needed === "string" ? body.needed : undefined;
  return {
    kind: "refused",
    error,
    ...(needed !== undefined && /^[a-z:., ]{1,200}$/.test(needed) ? { needed } : {}),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Messages of libraries may quote addresses, so only the code goes on. */
function wordsOf(error: unknown, timeLimit: AbortSignal): string {
  if (timeLimit.aborted) return "Slack did not answer in time.";
  if (error instanceof WebAPIHTTPError) return `Slack answered with status ${error.statusCode}.`;
  const code = codeOf(error);
  if (code === undefined) return "The connection to Slack failed, or its answer is unreadable.";
  return `The connection to Slack failed (${code}).`;
}

function codeOf(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const inner = codeOf("original" in error ? error.original : error.cause, depth + 1);
  if (inner !== undefined) return inner;
  return "code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]+$/.test(error.code)
    ? error.code
    : undefined;
}
