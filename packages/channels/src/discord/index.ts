import type { Channel } from "@holdfast/core";
import { openDiscord } from "./account.ts";
import { discordLimits } from "./limits.ts";
import { type DiscordSettings, discordSettings } from "./settings.ts";

/** Bots on Discord: messages through the gateway, slash commands by webhook. */
export const discord: Channel<DiscordSettings> = {
  kind: "discord",
  capabilities: {
    threads: true,
    edits: true,
    reactions: false,
    media: { inbound: true, outbound: false },
    typing: true,
    receipts: [],
    nativeCommands: true,
    idempotentSends: true,
    text: { max: discordLimits.textCodePoints, unit: "code-points" },
    rates: {
      account: [{ count: 50, perMs: 1_000 }],
      direct: [{ count: 5, perMs: 5_000 }],
      group: [{ count: 5, perMs: 5_000 }],
    },
  },
  settings: discordSettings,
  open: openDiscord,
};
