import { type PieceSend, type SendOutcome, toHoldfastError } from "@holdfast/core";
import { z } from "zod";
import type { Graph } from "./graph.ts";
import { sendOutcome } from "./outcome.ts";

const pieceBody = z.object({ text: z.string().min(1) });

/** A business-scoped user id instead of a phone number: the person has a username. */
const userId = /^[A-Z]{2}\.[A-Za-z0-9.]{1,160}$/;

/** One try. The key comes back in the statuses of the message, so that an unknown outcome can be found out. */
export async function sendText(
  graph: Graph,
  phoneNumberId: string,
  send: PieceSend,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (send.chat.kind !== "direct") {
    return { outcome: "failed", reason: "WhatsApp accounts write to single people only." };
  }
  const piece = pieceBody.safeParse(send.piece.body);
  if (!piece.success) return { outcome: "failed", reason: "The piece is not one for WhatsApp." };
  const body = {
    messaging_product: "whatsapp",
    recipient_type: "individual",
    ...recipient(send.chat.id),
    type: "text",
    text: { body: piece.data.text, preview_url: false },
    biz_opaque_callback_data: send.key,
  };
  if (signal.aborted) return { outcome: "retry", reason: "The send was given up before it began." };
  try {
    return sendOutcome(await graph.post(`${phoneNumberId}/messages`, body, signal));
  } catch (error) {
    // Only the token can be missing: requests themselves do not throw.
    return { outcome: "unauthorized", reason: toHoldfastError(error).message };
  }
}

function recipient(chatId: string): { to: string } | { recipient: string } {
  return userId.test(chatId) ? { recipient: chatId } : { to: chatId };
}
