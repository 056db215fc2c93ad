import { HoldfastError } from "@holdfast/core";
import { Agent, buildConnector, type Dispatcher, request } from "undici";
import { literalAddress } from "./addresses.ts";
import { checkedLookup, privateAddress, type Resolve } from "./checked-lookup.ts";
import {
  mediaConnectTimeoutMs,
  mediaHeaderBytes,
  mediaIdleTimeoutMs,
  mediaRedirects,
  mediaTimeoutMs,
} from "./limits.ts";
import { isAllowedType, plainType } from "./media-types.ts";

/** Some servers give nothing to programs without a name: WhatsApp's refuses every file then. */
const userAgent = "Holdfast/0.1.0";

export interface FileRequest {
  /** Sent to the origin of the URL alone, never to where it redirects. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxBytes: number;
  /** As in `mediaTypes`. */
  readonly allowedTypes: readonly string[];
  /** The type that the platform told, for servers that call every file `application/octet-stream`. */
  readonly toldType?: string;
  /** For the whole file; a minute when absent. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

export interface FetchRules {
  readonly isAllowed: (address: string) => boolean;
  readonly protocols: readonly string[];
  readonly resolve?: Resolve;
}

/** `safeFetch` with its rules as a parameter. */
export async function fetchChecked(
  first: URL,
  options: FileRequest,
  rules: FetchRules,
): Promise<{ mime: string; data: Uint8Array<ArrayBuffer> }> {
  const deadline = AbortSignal.timeout(options.timeoutMs ?? mediaTimeoutMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  const agent = new Agent({
    connect: checkedConnector(rules),
    maxHeaderSize: mediaHeaderBytes,
    headersTimeout: mediaIdleTimeoutMs,
    bodyTimeout: mediaIdleTimeoutMs,
    pipelining: 0,
  });
  try {
    let url = first;
    for (let hops = 0; hops <= mediaRedirects; hops += 1) {
      checkUrl(url, rules);
      const answer = await request(url, {
        dispatcher: agent,
        signal,
        // Compressed files could grow without bound behind the limit.
        headers: {
          "user-agent": userAgent,
          ...(url.origin === first.origin ? options.headers : {}),
          "accept-encoding": "identity",
        },
      });
      const target = redirectTarget(answer, url);
      if (target === undefined) return await readFile(answer, options);
      answer.body.on("error", () => {});
      answer.body.destroy();
      url = target;
    }
    throw new HoldfastError("media_refused", "The file's address redirects too often.");
  } catch (error) {
    throw asMediaError(error, options.signal, deadline);
  } finally {
    await agent.destroy();
  }
}

function checkedConnector(rules: FetchRules): buildConnector.connector {
  return buildConnector({
    lookup: checkedLookup(rules.isAllowed, rules.resolve),
    timeout: mediaConnectTimeoutMs,
    allowH2: false,
  });
}

function checkUrl(url: URL, rules: FetchRules): void {
  if (!rules.protocols.includes(url.protocol)) {
    throw new HoldfastError("media_refused", "The file's address is not one of https.");
  }
  // Addresses are connected to without a lookup, so they are looked at here.
  const address = literalAddress(url);
  if (address !== undefined && !rules.isAllowed(address)) throw privateAddress();
}

function redirectTarget(answer: Dispatcher.ResponseData, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(answer.statusCode)) return undefined;
  const location = single(answer.headers["location"]);
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new HoldfastError("media_refused", "The file's address redirects to nowhere.");
  }
  return new URL(location, from);
}

async function readFile(
  answer: Dispatcher.ResponseData,
  options: FileRequest,
): Promise<{ mime: string; data: Uint8Array<ArrayBuffer> }> {
  const { statusCode, headers, body } = answer;
  if (statusCode === 429 || statusCode >= 500) throw unavailable(`It answers ${statusCode}.`);
  if (statusCode !== 200) {
    throw new HoldfastError("media_refused", `The file is not to be had: status ${statusCode}.`);
  }
  const encoding = single(headers["content-encoding"]);
  if (encoding !== undefined && encoding !== "identity") {
    throw new HoldfastError("media_refused", "The file comes compressed, which was not asked for.");
  }
  const mime = typeOf(single(headers["content-type"]), options);
  if (Number(single(headers["content-length"]) ?? 0) > options.maxBytes) throw tooLarge(options);

  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength;
    if (bytes > options.maxBytes) throw tooLarge(options);
    parts.push(part);
  }
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.byteLength;
  }
  return { mime, data };
}

function typeOf(header: string | undefined, options: FileRequest): string {
  const served = plainType(header) ?? "application/octet-stream";
  const mime =
    served === "application/octet-stream" ? (plainType(options.toldType) ?? served) : served;
  if (isAllowedType(mime, options.allowedTypes)) return mime;
  throw new HoldfastError("media_refused", `Files of the type ${mime} are not taken.`);
}

function tooLarge(options: FileRequest): HoldfastError {
  return new HoldfastError("media_refused", `The file is larger than ${options.maxBytes} bytes.`);
}

function unavailable(why: string): HoldfastError {
  return new HoldfastError("channel_unavailable", `The file's server does not give it. ${why}`);
}

/** Messages and causes of libraries may quote the URL, so only their code goes on. */
function asMediaError(error: unknown, asked: AbortSignal, deadline: AbortSignal): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (asked.aborted) return unavailable("The request was given up.");
  if (deadline.aborted) return unavailable("It took too long.");
  const code = error instanceof Error && "code" in error ? String(error.code) : "no code";
  return unavailable(`The connection failed (${code.replaceAll(/[^\w ]/g, "")}).`);
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
