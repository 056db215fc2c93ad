import {
  type AccountOptions,
  type ChatAddress,
  type PieceEdit,
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
  { piece, chat, replyTo }: Pick<PieceSend, "piece" | "chat" | "replyTo">,
  signal: AbortSignal,
  more: Readonly<Record<string, unknown>> = {},
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
    ...more,
  };
  try {
    return sendOutcome(await rpc.call("send", params, signal));
  } catch (error) {
    // Only the token can be missing: requests themselves do not throw.
    return { outcome: "unauthorized", reason: toHoldfastError(error).message };
  }
}

/** The same edit twice leaves the same text. The message keeps the id that it was first sent with. */
export async function editPiece(
  rpc: Rpc,
  options: AccountOptions<SignalSettings>,
  edit: PieceEdit,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const editTimestamp = Number(edit.platformId);
  if (!Number.isSafeInteger(editTimestamp) || editTimestamp <= 0) {
    return { outcome: "failed", reason: "The message's id is not one of Signal." };
  }
  const outcome = await sendPiece(rpc, options, edit, signal, { editTimestamp });
  return outcome.outcome === "sent" ? { outcome: "sent", platformId: edit.platformId } : outcome;
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
