import { z } from "zod";

/**
 * The parts of Telegram's updates that are read. Everything else is let through unseen, and a part of an
 * unexpected shape counts as absent: platforms add fields.
 */
const lenient = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);

const userSchema = z.looseObject({
  id: z.int(),
  is_bot: z.boolean().catch(false),
  first_name: z.string().catch(""),
  last_name: lenient(z.string()),
  username: lenient(z.string()),
});

const chatSchema = z.looseObject({
  id: z.int(),
  type: z.enum(["private", "group", "supergroup", "channel"]),
  title: lenient(z.string()),
  username: lenient(z.string()),
  /** The group in which people write to a channel, each of them alone. */
  is_direct_messages: z.boolean().catch(false),
});

const entitySchema = z.looseObject({
  type: z.string(),
  offset: z.int().min(0),
  length: z.int().min(0),
  user: lenient(userSchema),
});

const fileSchema = z.looseObject({
  file_id: z.string().min(1),
  file_size: lenient(z.int().min(0)),
  file_name: lenient(z.string()),
  mime_type: lenient(z.string()),
});

const stickerSchema = fileSchema.extend({
  emoji: lenient(z.string()),
  is_animated: z.boolean().catch(false),
  is_video: z.boolean().catch(false),
});

const messageSchema = z.looseObject({
  message_id: z.int(),
  date: z.number(),
  chat: chatSchema,
  from: lenient(userSchema),
  sender_chat: lenient(chatSchema),
  message_thread_id: lenient(z.int()),
  is_topic_message: z.boolean().catch(false),
  is_automatic_forward: z.boolean().catch(false),
  reply_to_message: lenient(z.looseObject({ from: lenient(userSchema) })),
  text: lenient(z.string()),
  entities: z.array(entitySchema).catch([]),
  caption: lenient(z.string()),
  caption_entities: z.array(entitySchema).catch([]),
  photo: lenient(z.array(fileSchema)),
  document: lenient(fileSchema),
  animation: lenient(fileSchema),
  audio: lenient(fileSchema),
  voice: lenient(fileSchema),
  video: lenient(fileSchema),
  video_note: lenient(fileSchema),
  sticker: lenient(stickerSchema),
});

export const updateSchema = z.looseObject({
  update_id: z.int(),
  message: lenient(messageSchema),
  channel_post: lenient(messageSchema),
});

export type Update = z.infer<typeof updateSchema>;
export type TelegramMessage = z.infer<typeof messageSchema>;
export type TelegramFile = z.infer<typeof fileSchema>;
export type TelegramEntity = z.infer<typeof entitySchema>;

/** What Telegram is asked for. Edits, buttons and memberships change nothing here, so they are not. */
export const allowedUpdates = ["message", "channel_post"] as const;

export const userOfBotSchema = userSchema.extend({
  can_read_all_group_messages: lenient(z.boolean()),
});

export const webhookInfoSchema = z.looseObject({
  url: z.string(),
  pending_update_count: z.int().catch(0),
  last_error_date: lenient(z.int()),
  last_error_message: lenient(z.string()),
  max_connections: lenient(z.int()),
  allowed_updates: z.array(z.string()).catch([]),
});
export type WebhookInfo = z.infer<typeof webhookInfoSchema>;
