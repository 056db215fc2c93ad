import type { Channel } from "@holdfast/core";
import { openSlackAccount } from "./account.ts";
import { type SlackSettings, slackSettings } from "./settings.ts";

/** Of special tier: one message a second in a channel, several hundred a minute in a workspace. */
const perChat = [{ count: 1, perMs: 1_000 }];

export const slack: Channel<SlackSettings> = {
  kind: "slack",
  capabilities: {
    threads: true,
    edits: true,
    reactions: false,
    media: { inbound: true, outbound: false },
    typing: false,
    receipts: [],
    nativeCommands: true,
    idempotentSends: false,
    text: { max: 3_900, unit: "utf-16" },
    rates: {
      account: [
        { count: 10, perMs: 1_000 },
        { count: 240, perMs: 60_000 },
      ],
      direct: perChat,
      group: perChat,
    },
  },
  settings: slackSettings,
  open: openSlackAccount,
};
