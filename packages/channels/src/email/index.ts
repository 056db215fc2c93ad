import type { Channel } from "@holdfast/core";
import { openEmailAccount } from "./account.ts";
import { type EmailSettings, emailSettings } from "./settings.ts";

/** Mail: in by IMAP, out by SMTP. A chat is a sender, a thread is a thread of mails. */
export const email: Channel<EmailSettings> = {
  kind: "email",
  capabilities: {
    threads: true,
    edits: false,
    reactions: false,
    media: { inbound: true, outbound: false },
    typing: false,
    receipts: [],
    nativeCommands: false,
    // A Message-ID is the same for every try, but no server promises to look at it.
    idempotentSends: false,
    text: { max: 1_000_000, unit: "code-points" },
    // Providers let through far less over a day; they say so, and then it waits.
    rates: {
      account: [{ count: 30, perMs: 10_000 }],
      direct: [{ count: 10, perMs: 10_000 }],
      group: [],
    },
  },
  settings: emailSettings,
  open: openEmailAccount,
};
