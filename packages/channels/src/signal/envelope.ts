import { z } from "zod";

const text = z.string();
const timestamp = z.int().positive();

const attachmentSchema = z.object({
  id: text
    .min(1)
    .max(256)
    .regex(/^[\w.=+-]+$/),
  contentType: text.nullish(),
  filename: text.nullish(),
  size: z.number().nonnegative().nullish(),
});

export const dataMessageSchema = z.object({
  timestamp,
  message: text.nullish(),
  groupInfo: z.object({ groupId: text.min(1), type: text.nullish() }).nullish(),
  attachments: z.array(attachmentSchema).nullish(),
  mentions: z
    .array(
      z.object({
        name: text.nullish(),
        number: text.nullish(),
        uuid: text.nullish(),
        start: z.int().nonnegative(),
        length: z.int().nonnegative(),
      }),
    )
    .nullish()
    .catch(undefined),
  quote: z
    .object({ author: text.nullish(), authorNumber: text.nullish(), authorUuid: text.nullish() })
    .nullish()
    .catch(undefined),
  reaction: z.unknown().optional(),
  remoteDelete: z.unknown().optional(),
  isExpirationUpdate: z.boolean().nullish(),
});
export type DataMessage = z.infer<typeof dataMessageSchema>;
export type Mention = NonNullable<DataMessage["mentions"]>[number];

/** What an event of the stream holds; each part is read on its own. */
export const notificationSchema = z.object({
  account: text.nullish(),
  exception: z.unknown().optional(),
  envelope: z.object({
    source: text.nullish(),
    sourceNumber: text.nullish(),
    sourceUuid: text.nullish(),
    sourceName: text.nullish(),
    dataMessage: z.unknown().optional(),
    editMessage: z.unknown().optional(),
    syncMessage: z.unknown().optional(),
    receiptMessage: z.unknown().optional(),
    typingMessage: z.unknown().optional(),
  }),
});
export type Envelope = z.infer<typeof notificationSchema>["envelope"];

export const receiptSchema = z.object({
  when: z.number().nullish(),
  isDelivery: z.boolean().nullish(),
  isRead: z.boolean().nullish(),
  isViewed: z.boolean().nullish(),
  timestamps: z.array(timestamp),
});
