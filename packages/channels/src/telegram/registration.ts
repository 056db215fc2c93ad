import { createHash } from "node:crypto";
import {
  type AccountOptions,
  delay,
  HoldfastError,
  type Inbound,
  toHoldfastError,
} from "@holdfast/core";
import { createBackoff } from "./backoff.ts";
import { type BotApi, resultOf } from "./bot-api.ts";
import { telegramLimits } from "./limits.ts";
import type { Settings, WebhookSettings } from "./settings.ts";
import { allowedUpdates, type WebhookInfo, webhookInfoSchema } from "./updates.ts";

interface Registration {
  readonly options: AccountOptions<Settings>;
  readonly api: BotApi;
  readonly inbound: Inbound;
  readonly webhook: WebhookSettings;
  readonly signal: AbortSignal;
}

interface Seen {
  /** Hash of the secret that was registered last: Telegram does not tell it back. */
  secret: string | undefined;
  lastErrorDate: number;
}

/**
 * Sees to it that Telegram delivers to this account's address until the signal aborts. What waits at
 * Telegram is never dropped. Errors: `account_unauthorized`.
 */
export async function keepRegistered(parts: Registration): Promise<void> {
  const { options, signal } = parts;
  const backoff = createBackoff(options.clock, options.random);
  const seen: Seen = { secret: undefined, lastErrorDate: 0 };
  let isReported = false;
  while (!signal.aborted) {
    try {
      await look(parts, seen);
      if (isReported) parts.inbound.connected("webhook");
      backoff.reset();
      isReported = false;
      const pauseMs = telegramLimits.webhookCheckMs * (0.9 + 0.2 * options.random.next());
      await delay(options.clock, pauseMs, signal);
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toHoldfastError(thrown);
      if (error.code === "account_unauthorized") throw error;
      if (!isReported) options.report(error, "telegram webhook");
      isReported = true;
      parts.inbound.disconnected(error.message);
      await backoff.wait(signal, error.retryAfterMs);
    }
  }
}

/** A sentence on the registration that keeps updates from arriving, if it does. */
export function troubleOf(info: WebhookInfo, webhook: WebhookSettings): string | undefined {
  if (info.url === "") {
    return "No webhook is registered for the bot. Set webhook.publicUrl, or call setWebhook yourself.";
  }
  if (webhook.publicUrl !== undefined && normal(info.url) !== normal(webhook.publicUrl)) {
    return "The bot's webhook leads to another address than webhook.publicUrl.";
  }
  return undefined;
}

/** The last delivery that failed. Telegram tells it until the next `setWebhook`, however well it went since. */
export function deliveryErrorOf(info: WebhookInfo, now: number) {
  if (info.last_error_message === undefined) return undefined;
  const at = (info.last_error_date ?? 0) * 1_000;
  const words = info.last_error_message.slice(0, telegramLimits.descriptionChars);
  return {
    sentence: `Telegram could not deliver an update at ${new Date(at).toISOString()}: ${words}.`,
    isOver: info.pending_update_count === 0 || now - at > telegramLimits.deliveryErrorMs,
  };
}

/** Errors: `account_unauthorized`, `channel_unavailable`. */
export async function askWebhookInfo(api: BotApi, signal: AbortSignal): Promise<WebhookInfo> {
  const info = webhookInfoSchema.safeParse(
    resultOf(await api.call("getWebhookInfo", {}, { signal })),
  ).data;
  if (info) return info;
  throw new HoldfastError("channel_unavailable", "Telegram does not say which webhook is set.");
}

async function look(parts: Registration, seen: Seen): Promise<void> {
  const { options, api, inbound, webhook, signal } = parts;
  const info = await askWebhookInfo(api, signal);
  const secret = webhook.publicUrl === undefined ? "" : readSecret(options, webhook);
  const isFirst = seen.secret === undefined;
  const isDifferent = differs(info, webhook);
  if (webhook.publicUrl !== undefined && (isDifferent || seen.secret !== hash(secret))) {
    if (isDifferent && !isFirst) {
      options.report(
        new HoldfastError(
          "channel_unavailable",
          "Somebody changed the bot's webhook; it is registered again. Is the bot used elsewhere, too?",
        ),
        "telegram webhook",
      );
    }
    const parameters = registrationOf(webhook, normal(webhook.publicUrl), secret);
    resultOf(await api.call("setWebhook", parameters, { signal }));
  } else if (webhook.publicUrl === undefined) {
    const trouble = troubleOf(info, webhook);
    if (trouble !== undefined) throw new HoldfastError("channel_unavailable", trouble);
  }
  seen.secret = hash(secret);
  if (isFirst) inbound.connected("webhook");

  const errorDate = info.last_error_date ?? 0;
  // What went wrong before this owner's time may be mended.
  if (!isFirst && errorDate > seen.lastErrorDate) {
    const words = deliveryErrorOf(info, options.clock.now())?.sentence;
    options.report(
      new HoldfastError("channel_unavailable", words ?? "Telegram could not deliver."),
      "telegram webhook",
    );
  }
  seen.lastErrorDate = errorDate;
}

function registrationOf(webhook: WebhookSettings, url: string, secret: string) {
  return {
    url,
    secret_token: secret,
    max_connections: webhook.maxConnections,
    allowed_updates: allowedUpdates,
    drop_pending_updates: false,
  };
}

function differs(info: WebhookInfo, webhook: WebhookSettings): boolean {
  return (
    normal(info.url) !== normal(webhook.publicUrl ?? "") ||
    (info.max_connections !== undefined && info.max_connections !== webhook.maxConnections) ||
    info.allowed_updates.toSorted().join() !== allowedUpdates.toSorted().join()
  );
}

/** Telegram tells an address back with its path, and the host in lower case. */
function normal(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}

/** Errors: `account_unauthorized`. */
export function readSecret(options: AccountOptions<Settings>, webhook: WebhookSettings): string {
  const secret = options.secret(webhook.secret);
  if (/^[A-Za-z0-9_-]{1,256}$/.test(secret)) return secret;
  throw new HoldfastError(
    "account_unauthorized",
    "The webhook's secret must be 1 to 256 characters of A-Z a-z 0-9 _ -",
  );
}

function hash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
