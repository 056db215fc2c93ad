import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { HoldfastError, type WebhookRequest } from "@holdfast/core";
import { slackLimits } from "./limits.ts";

/**
 * Slack signs `v0:<timestamp>:<raw body>` with the app's signing secret. Errors: `webhook_unverified`
 * for what is forged, or older than five minutes.
 */
export function verifySignature(request: WebhookRequest, secret: string, now: number): void {
  const timestamp = request.headers["x-slack-request-timestamp"] ?? "";
  const signature = request.headers["x-slack-signature"] ?? "";
  // Anybody could sign with an empty secret.
  if (secret === "") {
    throw new HoldfastError("webhook_unverified", "The account's signing secret is empty.");
  }
  const expected = `v0=${createHmac("sha256", secret)
    .update(`v0:${timestamp}:`)
    .update(request.body)
    .digest("hex")}`;
  const isSigned = timingSafeEqual(digest(expected), digest(signature));
  if (!isSigned) {
    throw new HoldfastError("webhook_unverified", "The request's signature is missing or wrong.");
  }
  if (!/^\d{1,12}$/.test(timestamp)) {
    throw new HoldfastError("webhook_unverified", "The request tells no time.");
  }
  if (Math.abs(now - Number(timestamp) * 1_000) > slackLimits.webhookAgeMs) {
    throw new HoldfastError("webhook_unverified", "The request is older than five minutes.");
  }
}

/** Of equal length, whatever came. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
