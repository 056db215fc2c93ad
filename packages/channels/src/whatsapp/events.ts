import {
  type AccountOptions,
  HoldfastError,
  type IgnoredEvent,
  type InboundEvent,
} from "@holdfast/core";
import type { z } from "zod";
import { contentOf } from "./content.ts";
import { meaningOf } from "./error-codes.ts";
import { sentence } from "./outcome.ts";
import {
  errorItemSchema,
  deliverySchema,
  messageSchema,
  statusSchema,
  valueSchema,
} from "./payload.ts";
import type { WhatsAppSettings } from "./settings.ts";

type Value = z.infer<typeof valueSchema>;

/** Everything that one webhook tells. Errors: `invalid_request` when it is no delivery of WhatsApp at all. */
export function readDelivery(
  json: unknown,
  options: Pick<AccountOptions<WhatsAppSettings>, "settings" | "report">,
): InboundEvent[] {
  const delivery = deliverySchema.safeParse(json);
  if (!delivery.success || delivery.data.object !== "whatsapp_business_account") {
    throw new HoldfastError("invalid_request", "The webhook is not one of WhatsApp.");
  }
  const { phoneNumberId, businessAccountId } = options.settings;
  const events: InboundEvent[] = [];
  for (const entry of delivery.data.entry) {
    for (const change of entry.changes) {
      const value = valueSchema.safeParse(change.value);
      if (change.field === "smb_message_echoes") events.push(ignored("own_message"));
      else if (change.field !== "messages" || !value.success) events.push(ignored("unknown_event"));
      else if (
        value.data.metadata.phone_number_id !== phoneNumberId ||
        (businessAccountId !== undefined && entry.id !== businessAccountId)
      ) {
        events.push(ignored("wrong_account"));
      } else {
        events.push(...readValue(value.data, options));
      }
    }
  }
  return events;
}

function readValue(
  value: Value,
  options: Pick<AccountOptions<WhatsAppSettings>, "report">,
): InboundEvent[] {
  const troubles = (value.errors ?? []).map((item): InboundEvent => {
    const error = errorItemSchema.safeParse(item);
    if (error.success) {
      const message = reasonOf(error.data.code);
      options.report(new HoldfastError("channel_unavailable", message), "webhook");
    }
    return ignored("account_error");
  });
  return [
    ...(value.messages ?? []).map((message) => readMessage(message, value)),
    ...(value.statuses ?? []).map((status) => readStatus(status)),
    ...troubles,
  ];
}

function readMessage(item: unknown, value: Value): InboundEvent {
  const parsed = messageSchema.safeParse(item);
  if (!parsed.success) return ignored("unknown_event");
  const message = parsed.data;
  const id = message.from ?? message.from_user_id;
  if (id === undefined) return ignored("unknown_event");
  if (message.group_id !== undefined) return ignored("group");
  if (message.type === "reaction") return ignored("reaction");
  if (message.type === "edit" || message.type === "revoke") return ignored("edited");
  if (message.type === "system") return ignored("automatic");
  const content = contentOf(message);
  if (content === undefined) return ignored("unknown_event");
  const profile = value.contacts?.find(
    (contact) =>
      (contact.wa_id !== undefined && contact.wa_id === message.from) ||
      (contact.user_id !== undefined && contact.user_id === message.from_user_id),
  )?.profile;
  return {
    type: "message",
    eventId: message.id,
    chat: { kind: "direct", id },
    sender: {
      id,
      isBot: false,
      ...(profile?.name === undefined ? {} : { name: profile.name }),
      ...(profile?.username === undefined ? {} : { username: profile.username }),
    },
    text: content.text,
    messageId: message.id,
    mentionsAccount: isOwn(message.context?.from, value),
    media: content.media,
    sentAt: message.timestamp * 1_000,
  };
}

function readStatus(item: unknown): InboundEvent {
  const parsed = statusSchema.safeParse(item);
  if (!parsed.success || parsed.data.recipient_type === "group") return ignored("unknown_event");
  const status = parsed.data;
  const id = status.recipient_id ?? status.recipient_user_id;
  if (id === undefined) return ignored("unknown_event");
  const state = status.status === "played" ? "read" : status.status;
  if (state !== "sent" && state !== "delivered" && state !== "read" && state !== "failed") {
    return ignored("unknown_event");
  }
  const code = status.errors?.[0]?.code;
  return {
    type: "receipt",
    eventId: `${status.id}.${status.status}`,
    chat: { kind: "direct", id },
    sender: { id, isBot: false },
    messageId: status.id,
    ...(status.biz_opaque_callback_data === undefined
      ? {}
      : { key: status.biz_opaque_callback_data }),
    state,
    ...(state === "failed" ? { reason: code === undefined ? "It failed." : reasonOf(code) } : {}),
    at: status.timestamp * 1_000,
  };
}

function isOwn(phone: string | undefined, value: Value): boolean {
  const own = value.metadata.display_phone_number?.replaceAll(/\D/g, "");
  return phone !== undefined && own !== undefined && phone.replaceAll(/\D/g, "") === own;
}

function reasonOf(code: number): string {
  return sentence(meaningOf(code)?.reason ?? "it failed", code);
}

function ignored(what: string): IgnoredEvent {
  return { type: "ignored", what };
}
