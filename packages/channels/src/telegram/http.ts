import type { Clock } from "@holdfast/core";
import { Agent, type Dispatcher } from "undici";
import { telegramLimits } from "./limits.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly origin: string;
  readonly path: string;
  readonly body?: string;
  readonly timeLimitMs: number;
  readonly answerBytesMax: number;
  readonly signal: AbortSignal;
}

/** No `reason` quotes the request's path: the bot's token stands in it. */
export type HttpOutcome =
  | {
      readonly type: "answer";
      readonly status: number;
      readonly mime: string;
      readonly body: Uint8Array;
    }
  /** Ended before anything was written: the server knows nothing of it. */
  | { readonly type: "not-sent"; readonly reason: string }
  /** Ended after the request may have been written. */
  | { readonly type: "unclear"; readonly reason: string; readonly isTooLarge: boolean };

export interface HttpClient {
  /** Errors: none. */
  request(request: HttpRequest): Promise<HttpOutcome>;
  close(): Promise<void>;
}

/**
 * Requests of which it is known afterwards whether they were written. `fetch` and the clients on top of it
 * tell a refused connection and a lost answer apart by their error codes at best; undici calls
 * `onRequestStart` when a connection stands and before the first byte, which is the exact line. It repeats
 * nothing by itself and follows no redirects.
 */
export function createHttpClient(clock: Clock): HttpClient {
  const agent = new Agent({
    connections: telegramLimits.connections,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: telegramLimits.connectTimeoutMs },
    // One time limit holds for the whole request.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    request: (request) => run(agent, clock, request),
    close: () => agent.destroy(),
  };
}

function run(agent: Agent, clock: Clock, request: HttpRequest): Promise<HttpOutcome> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let isSettled = false;
    let status = 0;
    let mime = "";
    let received = 0;
    const chunks: Uint8Array[] = [];

    const settle = (outcome: HttpOutcome) => {
      if (isSettled) return;
      isSettled = true;
      cancelTimer();
      request.signal.removeEventListener("abort", onAbort);
      resolve(outcome);
    };
    const stop = (reason: string, isTooLarge = false) => {
      settle(controller ? { type: "unclear", reason, isTooLarge } : { type: "not-sent", reason });
      controller?.abort(new Error("stopped"));
    };
    const cancelTimer = clock.schedule(request.timeLimitMs, () =>
      stop(`no answer within ${request.timeLimitMs} ms`),
    );
    const onAbort = () => stop("stopped by this node");
    if (request.signal.aborted) return onAbort();
    request.signal.addEventListener("abort", onAbort, { once: true });

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        // It waited for a connection, and nobody waits for it any more.
        if (isSettled) started.abort(new Error("stopped"));
        else controller = started;
      },
      onResponseStart(_controller, statusCode, headers) {
        status = statusCode;
        const type = headers["content-type"];
        mime = (Array.isArray(type) ? type[0] : type)?.split(";")[0]?.trim().toLowerCase() ?? "";
      },
      onResponseData(_controller, chunk) {
        received += chunk.byteLength;
        if (received > request.answerBytesMax) {
          stop(`the answer is larger than ${request.answerBytesMax} bytes`, true);
        } else if (!isSettled) chunks.push(chunk);
      },
      onResponseEnd() {
        settle({ type: "answer", status, mime, body: Buffer.concat(chunks) });
      },
      onResponseError(_controller, error) {
        stop(reasonOf(error));
      },
    };
    try {
      agent.dispatch(
        {
          origin: request.origin,
          path: request.path,
          method: request.method,
          headers:
            request.body === undefined ? {} : { "content-type": "application/json; charset=utf-8" },
          body: request.body ?? null,
        },
        handler,
      );
    } catch (error) {
      stop(reasonOf(error));
    }
  });
}

/** Its code alone: a message could quote the request. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return `the connection failed (${typeof code === "string" && /^[A-Z0-9_]+$/.test(code) ? code : "no code"})`;
}
