import type { IncomingHttpHeaders } from "node:http";
import { Agent, type Dispatcher, request } from "undici";
import { whenStarted } from "./when-started.ts";

/** What became of one request. Nothing here repeats requests or follows redirects. */
export type HttpResult =
  | {
      readonly type: "answered";
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      /** The parsed body; undefined when it is no JSON. */
      readonly json: unknown;
    }
  /** Nothing of the request was written: it surely had no effect. */
  | { readonly type: "unsent"; readonly reason: string }
  /** It may have taken effect. */
  | { readonly type: "unknown"; readonly reason: string; readonly isTooLong?: true };

export interface JsonRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

interface JsonClientOptions {
  /** For a whole request. */
  readonly timeoutMs: number;
  readonly answerBytes: number;
}

const connectTimeoutMs = 8_000;
/** Idle connections are closed before servers close them, so that a request does not meet a dying one. */
const keepAliveMs = 4_000;

/** Requests of JSON, with results that tell whether a request can have had an effect. */
export class JsonClient {
  readonly #options: JsonClientOptions;
  readonly #agent: Agent;

  constructor(options: JsonClientOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { timeout: connectTimeoutMs },
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      allowH2: false,
    });
  }

  /** Errors: none. Reasons never quote the URL, a header or the body. */
  async request(asked: JsonRequest): Promise<HttpResult> {
    const deadline = AbortSignal.timeout(this.#options.timeoutMs);
    const signal = AbortSignal.any([asked.signal, deadline]);
    let isStarted = false;
    try {
      const answer = await request(asked.url, {
        dispatcher: this.#agent.compose(
          whenStarted(() => {
            isStarted = true;
          }),
        ),
        method: asked.method,
        signal,
        headers: {
          ...(asked.body === undefined ? {} : { "content-type": "application/json" }),
          accept: "application/json",
          "accept-encoding": "identity",
          ...asked.headers,
        },
        body: asked.body === undefined ? null : JSON.stringify(asked.body),
      });
      const text = await readText(answer.body, this.#options.answerBytes);
      if (text === undefined) {
        return { type: "unknown", reason: "The answer is too long.", isTooLong: true };
      }
      const { statusCode: status, headers } = answer;
      return { type: "answered", status, headers, json: parse(text) };
    } catch (error) {
      const reason = deadline.aborted
        ? "It took too long."
        : asked.signal.aborted
          ? "The request was given up."
          : `The connection failed (${codeOf(error)}).`;
      return { type: isStarted ? "unknown" : "unsent", reason };
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

async function readText(
  body: Dispatcher.ResponseData["body"],
  maxBytes: number,
): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength;
    if (bytes > maxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Messages of libraries may quote what was sent; codes do not. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code).replaceAll(/\W/g, "");
  return error instanceof Error ? error.name : "no code";
}
