import { HttpConnection, type HttpAnswer } from "../lib/http-connection.ts";

/** Where messages of a contender go, by HTTP. */
export interface PeerTarget {
  /** Of its servers; connections take them in turn. */
  readonly urls: readonly string[];
  /** The authority's certificate in PEM, for https. */
  readonly ca?: string;
  /** For each conversation: the address that answers when the reply is there … */
  readonly paths: readonly string[];
  /** … and the one that answers when the message is accepted, unless `submit` does that. */
  readonly acceptingPaths?: readonly string[];
  /** Header lines that only waiting requests have, each ended by CR LF. */
  readonly waitingHead?: string;
  /** Header lines of all requests; connections take them in turn. */
  readonly heads: readonly string[];
  /** For each conversation: the session key, and the body is OpenAI's instead of `{"text": T}`. */
  readonly chat?: readonly ChatAddress[];
}

export interface ChatAddress {
  readonly model: string;
  readonly sessionKey: string;
}

export interface PeerRequest {
  readonly conversation: number;
  readonly id: string;
  readonly text: string;
  /** Counts connections, from 0. */
  readonly lane: number;
  readonly wait: boolean;
}

export function peerText(id: string, filler: string): string {
  return `#${id} ${filler}`;
}

/** A whole request, head and body; the texts are ASCII without quotes. */
export function requestText(target: PeerTarget, request: PeerRequest): string {
  const { conversation, id, text, lane, wait } = request;
  const url = new URL(target.urls[lane % target.urls.length] ?? "");
  const chat = wait ? target.chat?.[conversation] : undefined;
  const paths = wait ? target.paths : (target.acceptingPaths ?? target.paths);
  const body = chat
    ? `{"model":"${chat.model}","messages":[{"role":"user","content":"${text}"}]}`
    : `{"text":"${text}"}`;
  const session = chat ? `x-openclaw-session-key: ${chat.sessionKey}\r\n` : "";
  return (
    `POST ${paths[conversation]} HTTP/1.1\r\nhost: ${url.host}\r\n` +
    `${target.heads[lane % target.heads.length] ?? ""}${session}${wait ? (target.waitingHead ?? "") : ""}` +
    `content-type: application/json\r\nidempotency-key: ${id}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}

/** Opens a connection to the server that the lane belongs to. */
export function openLane(
  { urls, ca }: PeerTarget,
  lane: number,
  answerTimeoutMs: number,
): Promise<HttpConnection> {
  const { hostname, port } = new URL(urls[lane % urls.length] ?? "");
  return HttpConnection.open(hostname, Number(port), { ca, answerTimeoutMs });
}

/** Sends one message on a connection of its own. Errors: those of the connection; a status other than 2xx. */
export async function sendOnce(
  target: PeerTarget,
  request: PeerRequest,
  answerTimeoutMs: number,
): Promise<HttpAnswer> {
  const connection = await openLane(target, request.lane, answerTimeoutMs);
  try {
    const answer = await connection.send(requestText(target, request));
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`status ${answer.status}: ${answer.body.slice(0, 300)}`);
    }
    return answer;
  } finally {
    connection.close();
  }
}

/** Like `sendOnce`, for a reply. Errors: also an answer that is not this message's. */
export async function askOnce(
  target: PeerTarget,
  request: Omit<PeerRequest, "wait">,
  answerTimeoutMs: number,
): Promise<void> {
  const { body } = await sendOnce(target, { ...request, wait: true }, answerTimeoutMs);
  if (!body.includes(`re:${request.id}`)) throw new Error(`another answer: ${body.slice(0, 300)}`);
}

const patientTries = 5;

/** Like `askOnce`, a few times: an overloaded system may refuse. Errors: the last one. */
export async function askPatiently(
  target: PeerTarget,
  request: Omit<PeerRequest, "wait">,
  answerTimeoutMs: number,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await askOnce(target, request, answerTimeoutMs);
      return;
    } catch (thrown) {
      if (tries === patientTries) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}
