import type { Channel } from "@holdfast/core";
import { openSignal } from "./account.ts";
import { type SignalSettings, signalSettings } from "./settings.ts";

/** Signal by a signal-cli daemon of the operator: one stream of events, no idempotency keys. */
export const signal: Channel<SignalSettings> = {
  kind: "signal",
  capabilities: {
    threads: false,
    edits: true,
    reactions: false,
    media: { inbound: true, outbound: false },
    typing: true,
    receipts: ["delivered", "read"],
    nativeCommands: false,
    idempotentSends: false,
    // Longer texts become an attachment in Signal's apps.
    text: { max: 2_000, unit: "bytes" },
    rates: {
      account: [{ count: 10, perMs: 1_000 }],
      // Signal's servers take 60 messages to one person, and one more every second.
      direct: [{ count: 60, perMs: 60_000 }],
      group: [{ count: 60, perMs: 60_000 }],
    },
  },
  settings: signalSettings,
  open: openSignal,
};
