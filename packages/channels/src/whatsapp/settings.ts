import { secretRef } from "@holdfast/core";
import { z } from "zod";
import { serverUrl } from "../http/server-url.ts";
import { isPrivateBase } from "../media/index.ts";

const numericId = z.string().regex(/^\d{1,32}$/, "expected the number that Meta shows as the id");

/** A phone number of the WhatsApp Business Platform (Cloud API). */
export const whatsAppSettings = z.strictObject({
  /** Id of the phone number, not the number itself: app dashboard, WhatsApp, API Setup. */
  phoneNumberId: numericId,
  /** Id of the WhatsApp Business Account. With it `check` sees whether an app is subscribed, and webhooks of other accounts are not taken. */
  businessAccountId: numericId.optional(),
  /** Token of a system user with `whatsapp_business_messaging` (and `whatsapp_business_management` for `check`). */
  accessToken: secretRef,
  /** The app's secret: webhooks are signed with it. */
  appSecret: secretRef,
  /** A word of your choice, entered at Meta together with the webhook's address. */
  verifyToken: secretRef,
  /** The Graph API with its version. */
  apiUrl: serverUrl()
    .refine((url) => url.startsWith("https:") || isPrivateBase(url), {
      error: "expected https, as the access token is sent there",
    })
    .default("https://graph.facebook.com/v23.0"),
});

export type WhatsAppSettings = z.infer<typeof whatsAppSettings>;
