import { z } from "zod";

const text = z.string();
/** Slack writes null where it has nothing, or leaves the field out. */
const optionalText = text.nullish().transform((value) => value ?? undefined);
const userProfile = z.object({ display_name: text.optional(), real_name: text.optional() });

const file = z.object({
  id: text.optional(),
  name: optionalText,
  mimetype: text.optional(),
  size: z.number().optional(),
  mode: text.optional(),
  is_external: z.boolean().optional(),
  url_private: text.optional(),
  url_private_download: text.optional(),
});
export type SlackFile = z.infer<typeof file>;

/** A `message` or `app_mention` event: of all that Slack sends, what is read here. */
export const messageEvent = z.object({
  type: z.enum(["message", "app_mention"]),
  subtype: text.optional(),
  channel: text.min(1),
  ts: text.regex(/^\d{1,12}\.\d{6}$/),
  thread_ts: text.optional(),
  parent_user_id: text.optional(),
  user: text.optional(),
  bot_id: optionalText,
  app_id: optionalText,
  text: text.optional(),
  // They give names alone: a message is not lost for them.
  user_profile: userProfile.nullish().catch(undefined),
  bot_profile: z.object({ name: text.optional() }).nullish().catch(undefined),
  files: z.array(z.unknown()).optional(),
});
export type MessageEvent = z.infer<typeof messageEvent>;

/** What carries an event, over HTTP and over a socket alike. */
export const eventCallback = z.object({
  type: z.literal("event_callback"),
  team_id: text.optional(),
  api_app_id: text.optional(),
  authorizations: z
    .array(z.object({ user_id: optionalText, is_bot: z.boolean().optional() }))
    .nullish()
    .catch(undefined),
  event: z.looseObject({ type: text }),
});
export type EventCallback = z.infer<typeof eventCallback>;

export function readFile(value: unknown): SlackFile | undefined {
  const read = file.safeParse(value);
  return read.success ? read.data : undefined;
}
