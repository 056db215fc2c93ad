import type { Channel } from "@holdfast/core";
import { openWhatsApp } from "./account.ts";
import { type WhatsAppSettings, whatsAppSettings } from "./settings.ts";

/** WhatsApp by Meta's Cloud API: direct chats, webhooks on every node, no idempotency keys. */
export const whatsapp: Channel<WhatsAppSettings> = {
  kind: "whatsapp",
  capabilities: {
    threads: false,
    edits: false,
    reactions: false,
    media: { inbound: true, outbound: false },
    typing: true,
    receipts: ["delivered", "read"],
    nativeCommands: false,
    idempotentSends: false,
    text: { max: 4_096, unit: "utf-16" },
    rates: {
      account: [{ count: 80, perMs: 1_000 }],
      // One message every six seconds to the same person; up to 45 may be sent ahead of that.
      direct: [
        { count: 45, perMs: 270_000 },
        { count: 5, perMs: 1_000 },
      ],
      group: [],
    },
  },
  settings: whatsAppSettings,
  open: openWhatsApp,
};
