import type { PersonMessage } from "../fake-platform.ts";

export const phoneNumberId = "106540352242922";
export const businessAccountId = "102290129340398";
export const displayPhoneNumber = "15550783881";

/** Ids of messages as Meta writes them: opaque, with characters of base64. */
export function messageId(number: number): string {
  return `wamid.${Buffer.from(`HBgL-message-${String(number).padStart(6, "0")}`).toString("base64")}`;
}

export function delivery(value: object): unknown {
  return {
    object: "whatsapp_business_account",
    entry: [{ id: businessAccountId, changes: [{ field: "messages", value }] }],
  };
}

const metadata = { display_phone_number: displayPhoneNumber, phone_number_id: phoneNumberId };

/** `content` is the type and its part, as `{type: "image", image: {...}}`. */
export function messageValue(
  id: string,
  message: Omit<PersonMessage, "text">,
  content: object,
): object {
  const person = message.sender ?? message.chat;
  // People with a username are told by their id in the business portfolio alone.
  const phone = /^\d/.test(person) ? person : undefined;
  const userId = phone === undefined ? person : `DE.${phone.padStart(16, "1")}`;
  return {
    messaging_product: "whatsapp",
    metadata,
    contacts: [
      {
        profile: { name: message.senderName ?? "Ada" },
        ...(phone === undefined ? {} : { wa_id: phone }),
        user_id: userId,
      },
    ],
    messages: [
      {
        ...(phone === undefined ? {} : { from: phone }),
        from_user_id: userId,
        id,
        timestamp: String(Math.floor(Date.now() / 1_000)),
        ...(message.mentionsAccount === true
          ? { context: { from: displayPhoneNumber, id: "wamid.before" } }
          : {}),
        ...content,
      },
    ],
  };
}

export function statusValue(status: {
  readonly id: string;
  readonly state: string;
  readonly to: string;
  readonly key?: string;
  readonly code?: number;
}): object {
  return {
    messaging_product: "whatsapp",
    metadata,
    statuses: [
      {
        id: status.id,
        status: status.state,
        timestamp: String(Math.floor(Date.now() / 1_000)),
        recipient_id: status.to,
        ...(status.key === undefined ? {} : { biz_opaque_callback_data: status.key }),
        ...(status.code === undefined
          ? {}
          : { errors: [{ code: status.code, title: "It failed", message: "It failed" }] }),
      },
    ],
  };
}
