import {
  type AccountOptions,
  HoldfastError,
  type WebhookAnswer,
  type WebhookRequest,
} from "@holdfast/core";
import { readDelivery } from "./events.ts";
import { challengeChars } from "./limits.ts";
import type { WhatsAppSettings } from "./settings.ts";
import { isSameSecret, isSignedBy } from "./signature.ts";

/**
 * A GET proves to Meta that the address is ours; a POST delivers. Meta repeats deliveries for days and
 * signs no time, so nothing is refused for its age: repeats are known by the ids of their events.
 */
export function answerWebhook(
  request: WebhookRequest,
  options: Pick<AccountOptions<WhatsAppSettings>, "settings" | "report" | "secret">,
): WebhookAnswer {
  if (request.method === "GET") return confirm(request, options);
  if (request.method !== "POST") {
    throw new HoldfastError("invalid_request", "WhatsApp's webhooks are GET or POST.");
  }
  const secret = options.secret(options.settings.appSecret);
  if (!isSignedBy(secret, request.body, request.headers["x-hub-signature-256"])) {
    throw new HoldfastError("webhook_unverified", "The webhook's signature is missing or wrong.");
  }
  return { status: 200, events: readDelivery(parse(request.body), options) };
}

function confirm(
  { query }: WebhookRequest,
  options: Pick<AccountOptions<WhatsAppSettings>, "settings" | "secret">,
): WebhookAnswer {
  const isRight = isSameSecret(
    query.get("hub.verify_token") ?? "",
    options.secret(options.settings.verifyToken),
  );
  if (!isRight || query.get("hub.mode") !== "subscribe") {
    throw new HoldfastError("webhook_unverified", "The verify token is missing or wrong.");
  }
  const challenge = query.get("hub.challenge") ?? "";
  if (challenge.length > challengeChars || !/^[\w.-]+$/.test(challenge)) {
    throw new HoldfastError("invalid_request", "The challenge is missing or malformed.");
  }
  const headers = { "content-type": "text/plain", "x-content-type-options": "nosniff" };
  return { status: 200, headers, body: challenge, events: [] };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown;
  } catch {
    throw new HoldfastError("invalid_request", "The webhook's body is not JSON.");
  }
}
