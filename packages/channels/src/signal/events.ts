import {
  type AccountOptions,
  type ChatSender,
  HoldfastError,
  type IgnoredEvent,
  type InboundEvent,
  type MediaReference,
} from "@holdfast/core";
import {
  attachmentSchema,
  type DataMessage,
  dataMessageSchema,
  type Envelope,
  notificationSchema,
  receiptSchema,
} from "./envelope.ts";
import { receiptTimestamps } from "./limits.ts";
import { withMentions } from "./mentions.ts";
import type { SignalSettings } from "./settings.ts";

type Options = Pick<AccountOptions<SignalSettings>, "settings" | "report">;

/** What one event of the daemon's stream tells; unknown kinds are ignored, never an error. */
export function readEvent(
  data: string,
  { settings: { account }, report }: Options,
): readonly InboundEvent[] {
  const parsed = notificationSchema.safeParse(parse(data));
  if (!parsed.success) return [ignored("unknown_event")];
  const { envelope, exception } = parsed.data;
  const told = parsed.data.account;
  if (told !== undefined && told !== null && told !== account) return [ignored("wrong_account")];
  if (isThere(exception)) report(unreadable(exception.type), "receive");
  if (!isThere(envelope)) return [ignored("unknown_event")];
  const source = envelope.sourceUuid ?? envelope.sourceNumber ?? envelope.source ?? undefined;
  if (isThere(envelope.syncMessage)) return [ignored("own_message")];
  if (isThere(envelope.typingMessage)) return [ignored("typing")];
  if (isThere(envelope.editMessage)) return [ignored("edited")];
  if (source === undefined) return [ignored("unknown_event")];
  if (isThere(envelope.receiptMessage)) return readReceipt(envelope, source);
  if (isThere(envelope.dataMessage)) return [readMessage(envelope, source, account)];
  return [ignored("unknown_event")];
}

function readMessage(envelope: Envelope, source: string, account: string): InboundEvent {
  const parsed = dataMessageSchema.safeParse(envelope.dataMessage);
  if (!parsed.success) return ignored("unknown_event");
  const message = parsed.data;
  if (source === account || envelope.sourceNumber === account) return ignored("own_message");
  if (isThere(message.reaction)) return ignored("reaction");
  if (isThere(message.remoteDelete)) return ignored("edited");
  if (message.isExpirationUpdate === true) return ignored("automatic");
  const groupId = message.groupInfo?.groupId;
  const chat =
    groupId === undefined
      ? ({ kind: "direct", id: source } as const)
      : ({ kind: "group", id: groupId } as const);
  const media = mediaOf(message, chat);
  // Changes of a group, polls, payments and stickers have no text.
  const isEmpty = (message.message ?? "") === "" && (message.attachments ?? []).length === 0;
  if (isEmpty) return ignored("unknown_event");

  const mentions = message.mentions ?? [];
  const isOwn = (one: { number?: string | null | undefined; uuid?: string | null | undefined }) =>
    one.number === account || one.uuid === account;
  const { quote } = message;
  const isAnswer =
    isThere(quote) &&
    [quote.authorNumber, quote.authorUuid, quote.author].some((author) => author === account);
  const id = `${source}.${message.timestamp}`;
  return {
    type: "message",
    eventId: id,
    chat,
    sender: senderOf(envelope, source),
    text: withMentions(message.message ?? "", mentions, isOwn),
    messageId: id,
    mentionsAccount: isAnswer || mentions.some(isOwn),
    media,
    sentAt: message.timestamp,
  };
}

/** The same in messages and receipts: agent and conversation are chosen by the number, too. */
function senderOf({ sourceName, sourceNumber }: Envelope, source: string): ChatSender {
  return {
    id: source,
    isBot: false,
    ...(isThere(sourceName) ? { name: sourceName } : {}),
    ...(isThere(sourceNumber) ? { username: sourceNumber } : {}),
  };
}

/** The daemon asks for the chat when an attachment is fetched, so it is part of the source. */
function mediaOf(message: DataMessage, chat: { kind: string; id: string }): MediaReference[] {
  return (message.attachments ?? []).flatMap((item) => {
    const { data: attachment } = attachmentSchema.safeParse(item);
    if (attachment === undefined) return [];
    return {
      kind: kindOf(attachment.contentType ?? ""),
      source: `${chat.kind}:${chat.id}:${attachment.id}`,
      ...(isThere(attachment.filename) ? { name: attachment.filename } : {}),
      ...(isThere(attachment.contentType) ? { mime: attachment.contentType } : {}),
      ...(isThere(attachment.size) ? { bytes: attachment.size } : {}),
    };
  });
}

function kindOf(mime: string): MediaReference["kind"] {
  const [kind] = mime.split("/", 1);
  return kind === "image" || kind === "audio" || kind === "video" ? kind : "file";
}

function readReceipt(envelope: Envelope, source: string): readonly InboundEvent[] {
  const parsed = receiptSchema.safeParse(envelope.receiptMessage);
  if (!parsed.success) return [ignored("unknown_event")];
  const { isDelivery, isRead, isViewed, when } = parsed.data;
  const state = isRead === true || isViewed === true ? "read" : "delivered";
  if (state === "delivered" && isDelivery !== true) return [ignored("unknown_event")];
  return parsed.data.timestamps.slice(0, receiptTimestamps).map((timestamp) => ({
    type: "receipt",
    eventId: `${source}.${state}.${timestamp}`,
    chat: { kind: "direct", id: source },
    sender: senderOf(envelope, source),
    messageId: String(timestamp),
    state,
    at: when ?? timestamp,
  }));
}

/** The exception's class alone: its message may quote people. */
function unreadable(type: unknown): HoldfastError {
  const name = typeof type === "string" && /^\w{1,100}$/.test(type) ? type : "no type";
  const message = `The daemon could not read something that Signal had for the account (${name}).`;
  return new HoldfastError("channel_unavailable", message);
}

function isThere<Value>(value: Value): value is NonNullable<Value> {
  return value !== undefined && value !== null;
}

function ignored(what: string): IgnoredEvent {
  return { type: "ignored", what };
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return undefined;
  }
}
