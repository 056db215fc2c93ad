import { createHash, timingSafeEqual } from "node:crypto";
import {
  type AccountOptions,
  HoldfastError,
  type WebhookAnswer,
  type WebhookRequest,
} from "@holdfast/core";
import { eventOf, readUpdate } from "./events.ts";
import type { Identities } from "./identity.ts";
import { telegramLimits } from "./limits.ts";
import type { Settings } from "./settings.ts";

/** One update. Errors: `webhook_unverified`, `invalid_request`, and those of asking for the bot's name. */
export async function readWebhook(
  options: AccountOptions<Settings>,
  identities: Identities,
  request: WebhookRequest,
): Promise<WebhookAnswer> {
  verify(options, request);
  if (request.path !== "" && request.path !== "/") return { status: 404, events: [] };
  if (request.method !== "POST") return { status: 405, headers: { allow: "POST" }, events: [] };

  const update = readUpdate(parseJson(request.body));
  if (!update) throw new HoldfastError("invalid_request", "The body is not an update of Telegram.");
  const signal = AbortSignal.timeout(telegramLimits.requestTimeoutMs);
  return { status: 200, events: [eventOf(update, await identities.get(signal))] };
}

/** Telegram signs nothing; it repeats the secret that the webhook was registered with. */
function verify({ settings, secret }: AccountOptions<Settings>, request: WebhookRequest): void {
  const given = request.headers["x-telegram-bot-api-secret-token"];
  if (!settings.webhook) {
    throw new HoldfastError("webhook_unverified", "The account polls; it has no webhook.");
  }
  const expected = secret(settings.webhook.secret);
  // An empty secret would let in whoever sends an empty header.
  if (given === undefined || expected === "" || !timingSafeEqual(hash(given), hash(expected))) {
    throw new HoldfastError(
      "webhook_unverified",
      "The header X-Telegram-Bot-Api-Secret-Token is missing, or is not the account's secret.",
    );
  }
}

/** Of one length, which the comparison needs. */
function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
