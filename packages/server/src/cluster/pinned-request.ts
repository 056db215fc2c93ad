import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { isIP } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Clock, HoldfastError, limits } from "@holdfast/core";
import { clientTlsOptions, peerChain, pinnedFetchCheck } from "@holdfast/security";

export interface Pin {
  readonly cluster: string;
  /** SHA-256 of the only authority that is trusted. */
  readonly fingerprint: string;
  readonly clock: Clock;
}

export interface PinnedAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/**
 * Posts JSON to a node of which only the authority's fingerprint is known. The node has proved that it
 * is of the cluster before anything is sent, also on loopback. Errors:
 * `node_unreachable`, `certificate_invalid`, `payload_too_large`.
 */
export async function postPinned(
  url: URL,
  body: unknown,
  pin: Pin,
  timeoutMs: number,
): Promise<PinnedAnswer> {
  const signal = AbortSignal.timeout(timeoutMs);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol !== "https:") throw unreachable(url, "a node is reached with https only");
  const port = Number(url.port) || 443;
  const socket = await connected(url, { host, port }, signal);
  try {
    pinnedFetchCheck(peerChain(socket), pin);
    return await exchange(url, socket, JSON.stringify(body), signal);
  } finally {
    socket.destroy();
  }
}

function connected(
  url: URL,
  at: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...clientTlsOptions({ bundle: [] }),
      ...at,
      ...(isIP(at.host) === 0 && { servername: at.host }),
      // Who it is shows in the chain, which is looked at before anything is sent.
      rejectUnauthorized: false,
    });
    const fail = (cause: unknown) => {
      socket.destroy();
      reject(unreachable(url, said(cause), cause));
    };
    const late = () => fail(new Error("nothing answers there in time"));
    signal.addEventListener("abort", late, { once: true });
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      signal.removeEventListener("abort", late);
      socket.off("error", fail);
      resolve(socket);
    });
  });
}

async function exchange(
  url: URL,
  socket: TLSSocket,
  body: string,
  signal: AbortSignal,
): Promise<PinnedAnswer> {
  try {
    const request = httpRequest({
      createConnection: () => socket,
      method: "POST",
      path: url.pathname,
      headers: {
        host: url.host,
        accept: "application/json",
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        connection: "close",
      },
      signal,
    });
    request.end(body);
    const response = await answerOf(request);
    const text = await textOf(response);
    const { location } = response.headers;
    return { status: response.statusCode ?? 0, location, body: text };
  } catch (thrown) {
    if (thrown instanceof HoldfastError) throw thrown;
    const late = signal.aborted ? "the answer did not come in time" : said(thrown);
    throw unreachable(url, late, thrown);
  }
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > limits.joinAnswerBytes) {
      throw new HoldfastError(
        "payload_too_large",
        `The answer is over ${limits.joinAnswerBytes} bytes.`,
      );
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function unreachable(url: URL, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError("node_unreachable", `No node answers at ${url.origin}: ${why}.`, {
    cause,
  });
}

function said(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
