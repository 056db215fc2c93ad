import type { Channel } from "@holdfast/core";
import { openAccount } from "./account.ts";
import { telegramLimits } from "./limits.ts";
import { type Settings, settingsSchema } from "./settings.ts";

/** Bots on Telegram, by webhook or by polling: https://core.telegram.org/bots/api */
export const telegram: Channel<Settings> = {
  kind: "telegram",
  capabilities: {
    threads: true,
    edits: true,
    reactions: false,
    media: { inbound: true, outbound: false },
    typing: true,
    receipts: [],
    nativeCommands: true,
    // The Bot API takes no key of its caller's.
    idempotentSends: false,
    text: { max: telegramLimits.pieceChars, unit: "utf-16" },
    // https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    rates: {
      account: [{ count: 30, perMs: 1_000 }],
      direct: [{ count: 1, perMs: 1_000 }],
      group: [
        { count: 1, perMs: 1_000 },
        { count: 20, perMs: 60_000 },
      ],
    },
  },
  settings: settingsSchema,
  open: openAccount,
};
