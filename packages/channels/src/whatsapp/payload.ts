import { z } from "zod";

const text = z.string();
const unixSeconds = z
  .union([z.string().regex(/^\d{1,12}$/), z.int().nonnegative()])
  .transform(Number);
const mediaPart = z.object({
  id: text.min(1).max(64),
  mime_type: text.optional(),
  caption: text.optional(),
  filename: text.optional(),
});

/** Every field that is not needed here may be missing or new; items are read one by one. */
export const deliverySchema = z.object({
  object: text,
  entry: z.array(
    z.object({
      id: z.coerce.string(),
      changes: z.array(z.object({ field: text, value: z.unknown().optional() })),
    }),
  ),
});

export const valueSchema = z.object({
  metadata: z.object({
    display_phone_number: text.optional(),
    phone_number_id: text,
  }),
  contacts: z
    .array(
      z.object({
        wa_id: text.optional(),
        user_id: text.optional(),
        profile: z.object({ name: text.optional(), username: text.optional() }).optional(),
      }),
    )
    .optional()
    .catch(undefined),
  messages: z.array(z.unknown()).optional(),
  statuses: z.array(z.unknown()).optional(),
  errors: z.array(z.unknown()).optional(),
});

export const messageSchema = z.object({
  id: text.min(1).max(512),
  from: text.min(1).max(64).optional(),
  from_user_id: text.min(1).max(200).optional(),
  group_id: text.optional(),
  timestamp: unixSeconds,
  type: text,
  context: z.object({ from: text.optional() }).optional().catch(undefined),
  text: z.object({ body: text }).optional(),
  image: mediaPart.optional(),
  document: mediaPart.optional(),
  audio: mediaPart.optional(),
  video: mediaPart.optional(),
  sticker: mediaPart.optional(),
  location: z
    .object({
      latitude: z.number(),
      longitude: z.number(),
      name: text.optional(),
      address: text.optional(),
    })
    .optional(),
  contacts: z
    .array(
      z.object({
        name: z.object({ formatted_name: text.optional() }).optional(),
        phones: z.array(z.object({ phone: text.optional() })).optional(),
        emails: z.array(z.object({ email: text.optional() })).optional(),
      }),
    )
    .optional(),
  button: z.object({ text: text.optional(), payload: text.optional() }).optional(),
  interactive: z
    .object({
      button_reply: z.object({ title: text }).optional(),
      list_reply: z.object({ title: text, description: text.optional() }).optional(),
      nfm_reply: z.object({ response_json: text }).optional(),
    })
    .optional(),
});
export type MessagePayload = z.infer<typeof messageSchema>;

export const statusSchema = z.object({
  id: text.min(1).max(512),
  status: text,
  timestamp: unixSeconds,
  recipient_id: text.min(1).optional(),
  recipient_user_id: text.min(1).optional(),
  recipient_type: text.optional(),
  biz_opaque_callback_data: text.optional(),
  errors: z.array(errorItem()).optional().catch(undefined),
});

export const errorItemSchema = errorItem();

function errorItem() {
  return z.object({ code: z.int() });
}
