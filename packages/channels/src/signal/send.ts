import {
  type AccountOptions,
  type ChatAddress,
  type PieceSend,
  type SendOutcome,
  toHoldfastError,
} from "@holdfast/core";
import { z } from "zod";
import { sendOutcome } from "./outcome.ts";
import type { Rpc } from "./rpc.ts";
import type { SignalSettings } from "./settings.ts";

const pieceBody = z.object({ text: z.string().min(1), styles: z.array(z.string()) });

/** One try. Signal knows no keys: when the answer is lost, nobody can say whether it was sent. */
export async function sendPiece(
  rpc: Rpc,
  options: AccountOptions<SignalSettings>,
  { piece, chat, replyTo }: PieceSend,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const body = pieceBody.safeParse(piece.body);
  if (!body.success) return { outcome: "failed", reason: "The piece is not one for Signal." };
  if (chat.kind === "channel") return { outcome: "failed", reason: "Signal has no channels." };
  if (signal.aborted) return { outcome: "retry", reason: "The send was given up before it began." };
  const { text, styles } = body.data;
  const params = {
    account: options.settings.account,
    ...recipientOf(chat),
    message: text,
    ...(styles.length === 0 ? {} : { textStyle: styles }),
    ...quoteOf(chat, replyTo),
  };
  try {
    return sendOutcome(await rpc.call("send", params, signal));
  } catch (error) {
    // Only the token can be missing: requests themselves do not throw.
    return { outcome: "unauthorized", reason: toHoldfastError(error).message };
  }
}

export function recipientOf(chat: ChatAddress): { groupId: string } | { recipient: string[] } {
  return chat.kind === "group" ? { groupId: chat.id } : { recipient: [chat.id] };
}

/**
 * Where many talk, the answer says what it answers; with one person that is plain. Ids of people's messages
 * are "author.timestamp".
 */
function quoteOf({ kind }: ChatAddress, replyTo: string | undefined) {
  if (kind === "direct") return {};
  const [, quoteAuthor, timestamp] = /^(.+)\.(\d{1,16})$/.exec(replyTo ?? "") ?? [];
  return quoteAuthor === undefined ? {} : { quoteAuthor, quoteTimestamp: Number(timestamp) };
}
