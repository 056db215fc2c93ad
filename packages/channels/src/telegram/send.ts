import type { ChatAddress, Clock, Piece, PieceSend, SendOutcome } from "@holdfast/core";
import { z } from "zod";
import { formatTelegram } from "../format/index.ts";
import type { BotApi, CallResult } from "./bot-api.ts";
import { telegramLimits } from "./limits.ts";
import { createThrottleScopes, outcomeOf } from "./outcome.ts";

export interface Sender {
  send(send: PieceSend, signal: AbortSignal): Promise<SendOutcome>;
}

const bodySchema = z.looseObject({ html: z.string() });
const sentSchema = z.looseObject({ message_id: z.int() });

export function render(markdown: string): readonly Piece[] {
  return formatTelegram(markdown).map(({ html, plain }) => ({ body: { html }, text: plain }));
}

export function createSender(api: BotApi, clock: Clock): Sender {
  const scopes = createThrottleScopes();
  const moved = createMovedChats();

  const outcome = (called: Exclude<CallResult, { type: "ok" }>, chat: ChatAddress) => {
    const isTooMany = called.type === "refused" && called.code === 429;
    const afterMs =
      (isTooMany ? called.retryAfterMs : undefined) ?? telegramLimits.tooManyDefaultMs;
    return outcomeOf(called, isTooMany ? scopes.of(chat, afterMs, clock.monotonic()) : "chat");
  };

  return {
    async send({ piece, chat, replyTo }, signal) {
      let text = textOf(piece);
      let target = moved.idOf(chat.id);
      for (;;) {
        // Ids of topics and of messages are those of the group before it moved.
        const isMoved = target !== chat.id;
        const called = await api.call(
          "sendMessage",
          {
            chat_id: target,
            ...text,
            ...(isMoved ? {} : threadOf(chat)),
            ...(isMoved ? {} : replyOf(chat, replyTo)),
          },
          { signal },
        );
        if (called.type === "ok") return sentOutcome(called.result);
        // Each of the two happens once at most, and Telegram said that nothing was sent.
        if (isMarkupRefused(called) && text.parse_mode !== undefined) text = { text: piece.text };
        else if (called.type === "refused" && called.migrateTo !== undefined && !isMoved) {
          target = called.migrateTo;
          moved.remember(chat.id, target);
        } else return outcome(called, chat);
      }
    },
  };
}

/** The topic of a forum. */
export function threadOf(chat: ChatAddress): { message_thread_id?: number } {
  return chat.thread === undefined ? {} : { message_thread_id: Number(chat.thread) };
}

function textOf(piece: Piece): { text: string; parse_mode?: "HTML" } {
  const body = bodySchema.safeParse(piece.body).data;
  return body ? { text: body.html, parse_mode: "HTML" } : { text: piece.text };
}

/**
 * Where many talk, the answer says what it answers; with one person that is plain. The answered message may
 * have been deleted meanwhile: then the answer stands alone.
 */
function replyOf({ kind }: ChatAddress, replyTo: string | undefined) {
  const messageId = Number(replyTo);
  if (kind === "direct" || replyTo === undefined || !Number.isSafeInteger(messageId)) return {};
  return { reply_parameters: { message_id: messageId, allow_sending_without_reply: true } };
}

function isMarkupRefused(called: CallResult): boolean {
  return (
    called.type === "refused" &&
    called.code === 400 &&
    /can't parse entities|\bentit(?:y|ies)_[a-z_]+/i.test(called.description)
  );
}

function sentOutcome(result: unknown): SendOutcome {
  const sent = sentSchema.safeParse(result).data;
  if (sent) return { outcome: "sent", platformId: String(sent.message_id) };
  return { outcome: "unknown", reason: "Telegram's answer names no message" };
}

/** New ids of groups that became supergroups, newest last. */
function createMovedChats() {
  const ids = new Map<string, string>();
  return {
    idOf: (chat: string) => ids.get(chat) ?? chat,
    remember(chat: string, newId: string) {
      ids.delete(chat);
      ids.set(chat, newId);
      const [oldest] = ids.keys();
      if (ids.size > telegramLimits.movedChats && oldest !== undefined) ids.delete(oldest);
    },
  };
}
