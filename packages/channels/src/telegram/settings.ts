import { secretRef } from "@holdfast/core";
import { z } from "zod";
import { serverUrl } from "../http/server-url.ts";

const officialUrl = "https://api.telegram.org";
const webhookPorts = ["", "80", "88", "8443"];

/** What an account resource says of a Telegram bot. */
export const settingsSchema = z
  .strictObject({
    /** The bot's token, as BotFather gave it. */
    token: secretRef,
    /** The Bot API server: Telegram's, or one that you host. */
    apiUrl: serverUrl().default(officialUrl),
    /** Updates are sent to the nodes. Without it the account's owner polls for them. */
    webhook: z
      .strictObject({
        /** Telegram repeats it with every update: 1 to 256 characters of A-Z a-z 0-9 _ - */
        secret: secretRef,
        /**
         * The account's address as Telegram reaches it, normally https. With it the owner registers the webhook
         * and repairs it; without it you call setWebhook yourself, with the same secret.
         */
        publicUrl: serverUrl().optional(),
        /** How many updates Telegram sends at once. */
        maxConnections: z.int().min(1).max(100).default(40),
      })
      .optional(),
  })
  // Servers that you host take others, too.
  .refine(
    ({ apiUrl, webhook }) => {
      if (webhook?.publicUrl === undefined || new URL(apiUrl).origin !== officialUrl) return true;
      const { protocol, port } = new URL(webhook.publicUrl);
      return protocol === "https:" && webhookPorts.includes(port);
    },
    {
      path: ["webhook", "publicUrl"],
      error: "expected an https URL with port 443, 80, 88 or 8443: Telegram delivers to no other",
    },
  );

export type Settings = z.infer<typeof settingsSchema>;
export type WebhookSettings = NonNullable<Settings["webhook"]>;
