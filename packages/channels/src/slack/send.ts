import type { ChatAddress, Clock, Piece, PieceSend, SendOutcome } from "@holdfast/core";
import { z } from "zod";
import { formatSlack } from "../format/index.ts";
import type { SlackApi } from "./api.ts";
import type { Directory } from "./directory.ts";
import { findSent, keyEventType } from "./find-sent.ts";
import { outcomeOf } from "./outcome.ts";

export interface SendDependencies {
  readonly api: SlackApi;
  readonly directory: Directory;
  readonly token: () => string;
  readonly clock: Clock;
}

const pieceBody = z.object({ mrkdwn: z.string() });
const posted = z.object({ ts: z.string().min(1) });

export function renderPieces(markdown: string): readonly Piece[] {
  return formatSlack(markdown).map(({ mrkdwn, plain }) => ({ body: { mrkdwn }, text: plain }));
}

export async function sendPiece(
  send: PieceSend,
  dependencies: SendDependencies,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { clock } = dependencies;
  const begunAt = clock.now();
  const outcome = await post(send, dependencies, signal);
  if (outcome.outcome !== "unknown" || signal.aborted) return outcome;
  const { id: channel, thread } = send.chat;
  const sought = { channel, thread, key: send.key, begunAt };
  const ts = await findSent(sought, dependencies, signal).catch(() => undefined);
  return ts === undefined ? outcome : { outcome: "sent", platformId: ts };
}

async function post(
  { chat, key, piece }: PieceSend,
  { api, token }: SendDependencies,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const body = pieceBody.safeParse(piece.body);
  if (!body.success) return { outcome: "failed", reason: "The piece was not rendered for Slack." };
  let secret: string;
  try {
    secret = token();
  } catch {
    return { outcome: "unauthorized", reason: "The bot token cannot be read." };
  }
  const answer = await api.call({
    token: secret,
    method: "chat.postMessage",
    args: {
      channel: chat.id,
      ...threadOf(chat),
      text: body.data.mrkdwn,
      unfurl_links: false,
      unfurl_media: false,
      metadata: { event_type: keyEventType, event_payload: { key } },
    },
    signal,
  });
  if (answer.kind !== "ok") return outcomeOf(answer);
  const sent = posted.safeParse(answer.body);
  // It was taken, but without its id nothing can be said of it later.
  if (!sent.success) return { outcome: "unknown", reason: "Slack's answer names no message." };
  return { outcome: "sent", platformId: sent.data.ts };
}

/** Slack has no quotes: an answer stands in the thread of what it answers, or in the chat. */
function threadOf({ thread }: ChatAddress): Record<string, unknown> {
  return thread === undefined ? {} : { thread_ts: thread };
}
