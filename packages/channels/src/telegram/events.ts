import type { ChatAddress, ChatSender, InboundEvent, IgnoredEvent } from "@holdfast/core";
import type { Identity } from "./identity.ts";
import { mediaOf } from "./media.ts";
import { withoutMention } from "./mention.ts";
import { type TelegramMessage, type Update, updateSchema } from "./updates.ts";

/** The update, or undefined for something without even a number. */
export function readUpdate(raw: unknown): Update | undefined {
  return updateSchema.safeParse(raw).data;
}

/** What an update means here. Its number is the same at every delivery, so it names the event. */
export function eventOf(update: Update, bot: Identity): InboundEvent {
  const message = update.message ?? update.channel_post;
  if (!message) {
    const isEdit = "edited_message" in update || "edited_channel_post" in update;
    return ignored(isEdit ? "edited" : "unknown_event");
  }
  if (message.from?.id === bot.id) return ignored("own_message");
  // A channel's post that Telegram itself puts into the group where the channel is discussed.
  if (message.is_automatic_forward) return ignored("automatic");
  // One chat for many people who do not see each other: as one conversation it would mix them up.
  if (message.chat.is_direct_messages) return ignored("unknown_event");

  const sender = senderOf(message);
  const raw = message.text ?? message.caption ?? message.sticker?.emoji;
  const media = mediaOf(message);
  // Somebody joined, a message was pinned, the group moved; or a kind that is not read here.
  if (!sender || (raw === undefined && media.length === 0)) return ignored("unknown_event");

  const entities = message.text === undefined ? message.caption_entities : message.entities;
  const { text, isMentioned } = withoutMention(raw ?? "", entities, bot);
  return {
    type: "message",
    // With the bot's id, since the account may be given the token of another bot.
    eventId: `${bot.id}-${update.update_id}`,
    chat: chatOf(message),
    sender,
    text: clean(text),
    messageId: String(message.message_id),
    order: message.message_id,
    mentionsAccount: isMentioned || message.reply_to_message?.from?.id === bot.id,
    media,
    sentAt: message.date * 1_000,
  };
}

function ignored(what: string): IgnoredEvent {
  return { type: "ignored", what };
}

function chatOf(message: TelegramMessage): ChatAddress {
  const { id, type } = message.chat;
  const kind = type === "private" ? "direct" : type === "channel" ? "channel" : "group";
  // Outside of forums the field stands for a chain of answers, which is no place of its own.
  const thread = message.is_topic_message ? message.message_thread_id : undefined;
  return { kind, id: String(id), ...(thread === undefined ? {} : { thread: String(thread) }) };
}

/** Who writes as a channel or as the group itself is that chat: `from` is a stand-in of Telegram's then. */
function senderOf({ from, sender_chat: as }: TelegramMessage): ChatSender | undefined {
  if (as) return sender(as.id, as.title ?? "", as.username, false);
  if (!from) return undefined;
  return sender(from.id, [from.first_name, from.last_name].join(" "), from.username, from.is_bot);
}

function sender(
  id: number,
  rawName: string,
  username: string | undefined,
  isBot: boolean,
): ChatSender {
  const name = clean(rawName.trim());
  return {
    id: String(id),
    ...(name === "" ? {} : { name }),
    ...(username === undefined ? {} : { username: clean(username) }),
    isBot,
  };
}

/** JSON can hold what no text may. */
function clean(text: string): string {
  return text.toWellFormed().replaceAll("\0", "");
}
