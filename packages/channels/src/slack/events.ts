import type {
  ChatAddress,
  ChatSender,
  InboundEvent,
  InboundMessageEvent,
  MediaReference,
} from "@holdfast/core";
import {
  type EventCallback,
  forwardedIn,
  type MessageEvent,
  messageEvent,
  readFile,
  type SlackFile,
} from "./callback.ts";
import type { Identity } from "./directory.ts";
import { slackLimits } from "./limits.ts";
import { mentions, toPlainText, usersNamed, withoutLeadingMention } from "./plain-text.ts";

/** The subtypes of messages that people write; all others are Slack's own, edits, or old bots. */
const writtenSubtypes: ReadonlySet<string> = new Set([
  "file_share",
  "me_message",
  "thread_broadcast",
]);
const slackbot = "USLACKBOT";

/** The users whose names `toInboundEvent` would like to know. */
export function namesWanted(callback: EventCallback): readonly string[] {
  const event = messageEvent.safeParse(callback.event);
  if (!event.success || isLeftOut(event.data.subtype)) return [];
  const { user } = event.data;
  const sender = user === undefined || profileName(event.data) !== undefined ? [] : [user];
  return [...new Set([...sender, ...textsOf(event.data).flatMap(usersNamed)])];
}

export function toInboundEvent(
  callback: EventCallback,
  identity: Identity,
  names: ReadonlyMap<string, string>,
): InboundEvent {
  const read = messageEvent.safeParse(callback.event);
  if (!read.success) return { type: "ignored", what: "unknown_event" };
  const event = read.data;
  if (isOwn(event, callback, identity)) return { type: "ignored", what: "own_message" };
  if (isLeftOut(event.subtype)) return { type: "ignored", what: leftOutAs(event.subtype) };
  const sender = senderOf(event, names);
  return sender === undefined
    ? { type: "ignored", what: "automatic" }
    : messageOf(event, callback, identity, sender, names);
}

/** Who the account is, as the callback itself tells. */
export function identityIn(callback: EventCallback): Identity | undefined {
  const bot = callback.authorizations?.find(
    ({ is_bot, user_id }) => is_bot === true && user_id !== undefined,
  );
  return bot?.user_id === undefined ? undefined : { userId: bot.user_id };
}

/** A chat and the thread in it. `app_mention` does not tell the kind of a chat, so its id has to. */
export function chatOf(channel: string, team?: string, thread?: string): ChatAddress {
  const kind = channel.startsWith("D") ? "direct" : channel.startsWith("G") ? "group" : "channel";
  return {
    kind,
    id: channel,
    ...(thread === undefined ? {} : { thread }),
    ...(team === undefined ? {} : { team }),
  };
}

/** Microseconds since 1970: a message's `ts` is its time, its order in the chat, and its id. */
export function microsecondsOf(ts: string): number {
  const [seconds = "0", fraction = ""] = ts.split(".");
  return Number(seconds) * 1_000_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

function messageOf(
  event: MessageEvent,
  callback: EventCallback,
  identity: Identity,
  sender: ChatSender,
  names: ReadonlyMap<string, string>,
): InboundMessageEvent {
  const { channel, ts, thread_ts: threadTs, text = "" } = event;
  const order = microsecondsOf(ts);
  const [own = "", ...rest] = textsOf(event);
  const texts = [withoutLeadingMention(own, identity.userId), ...rest];
  const isReplyToAccount = threadTs !== undefined && event.parent_user_id === identity.userId;
  return {
    type: "message",
    // A mention comes twice, as `message` and as `app_mention`, under two event ids: the message is one.
    eventId: `message:${channel}:${ts}`,
    chat: chatOf(channel, callback.team_id, threadTs === ts ? undefined : threadTs),
    sender,
    text: toPlainText(texts.filter((part) => part !== "").join("\n\n"), names),
    messageId: ts,
    order,
    mentionsAccount: mentions(text, identity.userId) || isReplyToAccount,
    media: mediaOf([event, ...forwardedIn(event)].flatMap(({ files }) => files)),
    sentAt: Math.floor(order / 1_000),
  };
}

/** What the sender wrote, and what the messages say that it forwards. */
function textsOf(event: MessageEvent): readonly string[] {
  const forwarded = forwardedIn(event).map(({ text, fallback, files }) => {
    return text || (files.length === 0 ? (fallback ?? "") : "");
  });
  return [event.text ?? "", ...forwarded];
}

/** `event.username` is what the poster wished to be called: nobody may be let in by it. */
function senderOf(event: MessageEvent, names: ReadonlyMap<string, string>): ChatSender | undefined {
  const id = event.user ?? event.bot_id;
  if (id === undefined) return undefined;
  const name = profileName(event) ?? names.get(id);
  return {
    id,
    ...(name === undefined ? {} : { name }),
    isBot: event.bot_id !== undefined || id === slackbot,
  };
}

function profileName({ user_profile: user, bot_profile: bot }: MessageEvent): string | undefined {
  return user?.display_name || user?.real_name || bot?.name || undefined;
}

function isOwn(event: MessageEvent, callback: EventCallback, identity: Identity): boolean {
  if (event.user === identity.userId) return true;
  if (event.bot_id === undefined) return false;
  return (
    event.bot_id === identity.botId ||
    (event.app_id !== undefined && event.app_id === callback.api_app_id)
  );
}

function isLeftOut(subtype: string | undefined): boolean {
  return subtype !== undefined && !writtenSubtypes.has(subtype);
}

function leftOutAs(subtype: string | undefined): string {
  if (subtype === "bot_message") return "bot";
  return subtype === "message_changed" || subtype === "message_deleted" ? "edited" : "automatic";
}

function mediaOf(files: readonly unknown[]): readonly MediaReference[] {
  return files.slice(0, slackLimits.filesPerMessage).flatMap((value) => {
    const file = readFile(value);
    return file === undefined ? [] : referenceTo(file);
  });
}

function referenceTo(file: SlackFile): readonly MediaReference[] {
  // A deleted file, one beyond the workspace's plan, or one that stands elsewhere.
  if (file.mode === "tombstone" || file.mode === "hidden_by_limit") return [];
  const source = file.url_private_download ?? file.url_private ?? file.id;
  if (source === undefined || file.is_external === true) return [];
  return [
    {
      kind: kindOf(file.mimetype ?? ""),
      source,
      ...(file.name === undefined ? {} : { name: file.name }),
      ...(file.mimetype === undefined ? {} : { mime: file.mimetype }),
      ...(file.size === undefined ? {} : { bytes: file.size }),
    },
  ];
}

function kindOf(mime: string): MediaReference["kind"] {
  const [kind] = mime.split("/", 1);
  return kind === "image" || kind === "audio" || kind === "video" ? kind : "file";
}
