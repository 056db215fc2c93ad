import type { Channel } from "@holdfast/core";
import { WebAccount } from "./account.ts";
import { type WebSettings, webSettings } from "./settings.ts";

export { WebAccount } from "./account.ts";

/** A chat on web pages, served by the nodes: messages stand in the history, browsers take them from there. */
export const web: Channel<WebSettings> = {
  kind: "web",
  capabilities: {
    threads: false,
    edits: false,
    reactions: false,
    media: { inbound: false, outbound: false },
    typing: true,
    receipts: ["delivered", "read"],
    nativeCommands: false,
    idempotentSends: true,
    // An answer stands in the history as a whole, however long it is.
    text: { max: Number.MAX_SAFE_INTEGER, unit: "utf-16" },
    rates: { account: [], direct: [], group: [] },
  },
  settings: webSettings,
  open: (options) => new WebAccount(options),
};
