import { z } from "zod";
import { slackLimits } from "./limits.ts";

const text = z.string();
/** Slack writes null where it has nothing, or leaves the field out. */
const optionalText = text.nullish().transform((value) => value ?? undefined);
const optionalList = z
  .array(z.unknown())
  .nullish()
  .transform((value) => value ?? []);
const userProfile = z.object({ display_name: optionalText, real_name: optionalText });

const file = z.object({
  id: optionalText,
  name: optionalText,
  mimetype: optionalText,
  size: z
    .number()
    .nullish()
    .transform((value) => value ?? undefined),
  mode: optionalText,
  is_external: z.boolean().nullish(),
  url_private: optionalText,
  url_private_download: optionalText,
});
export type SlackFile = z.infer<typeof file>;

/** A message that was forwarded, as it stands in the one that forwards it. */
const forwarded = z.object({
  is_share: z.literal(true),
  text: optionalText,
  fallback: optionalText,
  files: optionalList,
});
export type ForwardedMessage = z.infer<typeof forwarded>;

/** A `message` or `app_mention` event: of all that Slack sends, what is read here. */
export const messageEvent = z.object({
  type: z.enum(["message", "app_mention"]),
  subtype: optionalText,
  channel: text.min(1),
  ts: text.regex(/^\d{1,12}\.\d{6}$/),
  thread_ts: optionalText,
  parent_user_id: optionalText,
  user: optionalText,
  bot_id: optionalText,
  app_id: optionalText,
  text: optionalText,
  // They give names alone: a message is not lost for them.
  user_profile: userProfile.nullish().catch(undefined),
  bot_profile: z.object({ name: optionalText }).nullish().catch(undefined),
  files: optionalList,
  attachments: optionalList,
});
export type MessageEvent = z.infer<typeof messageEvent>;

/** What carries an event, over HTTP and over a socket alike. */
export const eventCallback = z.object({
  type: z.literal("event_callback"),
  team_id: optionalText,
  api_app_id: optionalText,
  authorizations: z
    .array(z.object({ user_id: optionalText, is_bot: z.boolean().nullish() }))
    .nullish()
    .catch(undefined),
  event: z.looseObject({ type: text }),
});
export type EventCallback = z.infer<typeof eventCallback>;

/** The messages that this one forwards; previews of links stand among them. */
export function forwardedIn({ attachments }: MessageEvent): readonly ForwardedMessage[] {
  return attachments.slice(0, slackLimits.attachmentsPerMessage).flatMap((value) => {
    const read = forwarded.safeParse(value);
    return read.success ? [read.data] : [];
  });
}

export function readFile(value: unknown): SlackFile | undefined {
  const read = file.safeParse(value);
  return read.success ? read.data : undefined;
}
