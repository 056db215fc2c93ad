import { HoldfastError } from "@holdfast/core";
import { errorFromNetwork, errorFromResponse } from "./errors.ts";
import { clientLimits } from "./limits.ts";
import { mayRepeat, pause, type Repeat, retryDelayMs } from "./retry.ts";
import { mayAskAnother, storeNodeUrls } from "./store-nodes.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Call {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Path with its query, beginning with a slash; names in it are escaped already. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly repeat: Repeat;
  /** For one try, to the end of the body. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** A status outside 200 to 299 that is an answer here and no error. */
  readonly alsoOk?: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** The body's JSON; undefined when it is empty. */
  readonly body: unknown;
}

/** Requests to one node, with its token, retries and errors. */
export interface Http {
  readonly url: string;
  /** Errors: those of the API, and `node_unreachable`. An abort rejects with the signal's reason. */
  call(call: Call): Promise<Reply>;
  /** The response of a stream, its body unread. Not retried. Errors as for `call`. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
}

export interface HttpOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly fetch: Fetch;
  readonly attempts: number;
  readonly timeoutMs: number;
}

export function createHttp(options: HttpOptions): Http {
  const base = options.url.replace(/\/+$/, "");
  const identity = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };

  const onceAt = async (at: string, call: Call): Promise<Reply> => {
    const timeout = AbortSignal.timeout(Math.ceil(call.timeoutMs ?? options.timeoutMs));
    const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    try {
      const response = await options.fetch(at + call.path, {
        method: call.method,
        headers: {
          accept: "application/json",
          ...identity,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...call.headers,
        },
        ...(body === undefined ? {} : { body }),
        redirect: "manual",
        signal,
      });
      if (!response.ok && response.status !== call.alsoOk) throw await readError(response);
      const text = await readText(response, clientLimits.responseBytes);
      return { status: response.status, headers: response.headers, body: parseBody(text, at) };
    } catch (thrown) {
      if (call.signal?.aborted) throw thrown;
      throw errorFromNetwork(thrown, at);
    }
  };

  /** What only store nodes do is asked of them, in the order in which the node names them. */
  const once = async (call: Call): Promise<Reply> => {
    try {
      return await onceAt(base, call);
    } catch (thrown) {
      let failure = thrown;
      for (const url of storeNodeUrls(thrown, base)) {
        try {
          return await onceAt(url, call);
        } catch (next) {
          failure = next;
          if (!mayAskAnother(next, call.repeat)) break;
        }
      }
      throw failure;
    }
  };

  return {
    url: base,
    async call(call) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await once(call);
        } catch (thrown) {
          if (!(thrown instanceof HoldfastError)) throw thrown;
          if (attempt >= options.attempts || !mayRepeat(thrown, call.repeat)) throw thrown;
          const delayMs = retryDelayMs(attempt, thrown.retryAfterMs);
          if (delayMs === undefined) throw thrown;
          await pause(delayMs, call.signal);
        }
      }
    },
    async open(path, headers, signal) {
      try {
        const response = await options.fetch(base + path, {
          method: "GET",
          headers: { ...identity, ...headers },
          redirect: "manual",
          signal,
        });
        if (!response.ok) throw await readError(response);
        return response;
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        throw errorFromNetwork(thrown, base);
      }
    },
  };
}

async function readError(response: Response): Promise<HoldfastError> {
  return errorFromResponse(response, await readText(response, clientLimits.errorBodyBytes));
}

function parseBody(text: string, base: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError("node_unreachable", `What answers at ${base} is no Holdfast node.`, {
      cause,
    });
  }
}

async function readText(response: Response, limitBytes: number): Promise<string> {
  if (!response.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > limitBytes) {
      throw new HoldfastError("payload_too_large", `The answer is over ${limitBytes} bytes.`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
