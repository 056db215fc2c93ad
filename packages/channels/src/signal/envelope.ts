import { z } from "zod";
import { attachmentIdChars } from "./limits.ts";

const text = z.string();
const timestamp = z.int().positive();

/**
 * The daemon's name of a file. Its end is what stands behind the last dot of the sender's own name for it, so it may
 * hold nearly anything; only what could lead to another folder is refused.
 */
export const attachmentIdSchema = text
  .min(1)
  .max(attachmentIdChars)
  .regex(/^(?!\.{1,2}$)[^/\\\0]+$/);

export const attachmentSchema = z.object({
  id: attachmentIdSchema,
  contentType: text.nullish(),
  filename: text.nullish(),
  size: z.number().nonnegative().nullish(),
});

export const dataMessageSchema = z.object({
  timestamp,
  message: text.nullish(),
  groupInfo: z.object({ groupId: text.min(1), type: text.nullish() }).nullish(),
  /** Each is read on its own: one that is odd loses neither the others nor the text. */
  attachments: z.array(z.unknown()).nullish().catch(undefined),
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

const envelopeSchema = z.object({
  source: text.nullish(),
  sourceNumber: text.nullish(),
  sourceUuid: text.nullish(),
  sourceName: text.nullish(),
  dataMessage: z.unknown().optional(),
  editMessage: z.unknown().optional(),
  syncMessage: z.unknown().optional(),
  receiptMessage: z.unknown().optional(),
  typingMessage: z.unknown().optional(),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/** What an event of the stream holds; each part is read on its own. */
export const notificationSchema = z.object({
  account: text.nullish(),
  /** Why the daemon could not read what Signal's servers had for the account. */
  exception: z.object({ type: z.unknown().optional() }).nullish().catch({}),
  envelope: envelopeSchema.nullish(),
});

export const receiptSchema = z.object({
  when: z.number().nullish(),
  isDelivery: z.boolean().nullish(),
  isRead: z.boolean().nullish(),
  isViewed: z.boolean().nullish(),
  timestamps: z.array(timestamp),
});
