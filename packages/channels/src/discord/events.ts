import type { ChatAddress, InboundEvent, MediaReference } from "@holdfast/core";
import { z } from "zod";
import { isSnowflake, snowflakeOrder, snowflakeTime } from "./snowflake.ts";

const user = z.looseObject({
  id: z.string(),
  username: z.string().optional(),
  global_name: z.string().nullish(),
  bot: z.boolean().optional(),
  system: z.boolean().optional(),
});

const attachment = z.looseObject({
  url: z.string(),
  filename: z.string().optional(),
  content_type: z.string().nullish(),
  size: z.number().optional(),
});

const part = z.looseObject({
  content: z.string().default(""),
  attachments: z.array(attachment).default([]),
});

/** What is read of a message; Discord adds fields at any time. */
export const discordMessage = part.extend({
  id: z.string().refine(isSnowflake),
  channel_id: z.string().refine(isSnowflake),
  channel_type: z.number().optional(),
  guild_id: z.string().optional(),
  type: z.number().default(0),
  author: user,
  webhook_id: z.string().optional(),
  member: z
    .looseObject({ nick: z.string().nullish(), roles: z.array(z.string()).optional() })
    .nullish(),
  mentions: z.array(user).default([]),
  referenced_message: z.looseObject({ author: user }).nullish(),
  message_snapshots: z.array(z.looseObject({ message: part })).optional(),
});

export type DiscordMessage = z.infer<typeof discordMessage>;

/** Somebody wrote it; the others tell of joins, pins, boosts and the like. */
const written = new Set([0, 19]);

/** `parent`: of a thread. `self`: the bot's own id. */
export function messageEvent(
  message: DiscordMessage,
  place: { readonly self: string; readonly parent: string | undefined },
): InboundEvent {
  if (message.author.id === place.self) return { type: "ignored", what: "own_message" };
  if (!written.has(message.type)) return { type: "ignored", what: "automatic" };
  const { text, isMentioned } = readText(message, place.self);
  const media = attachmentsOf(message);
  if (text === "" && media.length === 0 && !isMentioned) return { type: "ignored", what: "empty" };

  const { author, member } = message;
  const name = member?.nick ?? author.global_name ?? author.username;
  return {
    type: "message",
    eventId: message.id,
    chat: chatOf(message, place.parent),
    sender: {
      id: author.id,
      ...(name === undefined ? {} : { name }),
      ...(author.username === undefined ? {} : { username: author.username }),
      isBot: author.bot === true || author.system === true || message.webhook_id !== undefined,
      ...(member?.roles === undefined ? {} : { roles: member.roles }),
    },
    text,
    messageId: message.id,
    order: snowflakeOrder(message.id),
    mentionsAccount: isMentioned,
    media,
    sentAt: snowflakeTime(message.id),
  };
}

function chatOf(message: DiscordMessage, parent: string | undefined): ChatAddress {
  const guild = message.guild_id;
  if (guild === undefined) return { kind: "direct", id: message.channel_id };
  return {
    kind: "channel",
    id: message.channel_id,
    ...(parent === undefined ? {} : { parent }),
    guild,
  };
}

function readText(message: DiscordMessage, self: string): { text: string; isMentioned: boolean } {
  const isMentioned =
    message.mentions.some(({ id }) => id === self) ||
    message.referenced_message?.author.id === self;
  // A forwarded message has no text of its own.
  const raw =
    message.content === ""
      ? (message.message_snapshots ?? []).map((forwarded) => forwarded.message.content).join("\n\n")
      : message.content;
  const names = new Map(
    message.mentions.map((user) => [user.id, user.global_name ?? user.username ?? user.id]),
  );
  const text = raw
    .replace(new RegExp(`^\\s*<@!?${self}>[\\s,:]*`), "")
    .replaceAll(/<@!?(\d{1,20})>/g, (whole, id: string) => {
      const name = names.get(id);
      return name === undefined ? whole : `@${name}`;
    })
    .replaceAll(/<a?(:\w{1,64}:)\d{1,20}>/g, "$1");
  return { text, isMentioned };
}

function attachmentsOf(message: DiscordMessage): readonly MediaReference[] {
  const forwarded = (message.message_snapshots ?? []).flatMap((one) => one.message.attachments);
  return [...message.attachments, ...forwarded].map((file) => ({
    kind: mediaKind(file.content_type ?? ""),
    source: file.url,
    ...(file.filename === undefined ? {} : { name: file.filename }),
    ...(typeof file.content_type === "string" ? { mime: file.content_type } : {}),
    ...(file.size === undefined ? {} : { bytes: file.size }),
  }));
}

function mediaKind(mime: string): MediaReference["kind"] {
  const [kind] = mime.split("/", 1);
  return kind === "image" || kind === "audio" || kind === "video" ? kind : "file";
}
