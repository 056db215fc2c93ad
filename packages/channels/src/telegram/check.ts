import { type AccountCheck, type AccountOptions, toHoldfastError } from "@holdfast/core";
import { type BotApi, resultOf } from "./bot-api.ts";
import type { Identities } from "./identity.ts";
import { askWebhookInfo, deliveryErrorOf, readSecret, troubleOf } from "./registration.ts";
import type { Settings } from "./settings.ts";
import { userOfBotSchema, type WebhookInfo } from "./updates.ts";

/** Asks who the bot is and how its updates come. Errors: none. */
export async function checkBot(
  options: AccountOptions<Settings>,
  api: BotApi,
  identities: Identities,
  signal: AbortSignal,
): Promise<AccountCheck> {
  const { settings } = options;
  let identity: string | undefined;
  let isAuthorized = false;
  try {
    const bot = userOfBotSchema.safeParse(resultOf(await api.call("getMe", {}, { signal }))).data;
    if (!bot) return { ok: false, findings: ["What answers at apiUrl is not a Bot API server."] };
    identity = `@${identities.remember(bot).username}`;
    if (settings.webhook) readSecret(options, settings.webhook);
    isAuthorized = true;
    const findings: string[] = [];
    if (bot.can_read_all_group_messages === false) {
      findings.push(
        "In groups the bot sees only commands, answers to it, and messages that name it. To let it see all, turn its privacy mode off with BotFather and add it to the group again.",
      );
    }
    const info = await askWebhookInfo(api, signal);
    const { trouble, past } = webhookFindings(info, options);
    if (!settings.webhook && info.url !== "") {
      findings.push("The bot has a webhook. Polling removes it, and so takes the updates from it.");
    }
    if (info.pending_update_count > 0) {
      findings.push(`${info.pending_update_count} updates wait at Telegram.`);
    }
    const ok = trouble.length === 0;
    return { ok, isAuthorized, identity, findings: [...trouble, ...findings, ...past] };
  } catch (thrown) {
    const found = { ok: false, isAuthorized, findings: [toHoldfastError(thrown).message] };
    return identity === undefined ? found : { ...found, identity };
  }
}

/** What keeps updates from arriving, and what did. */
function webhookFindings(
  info: WebhookInfo,
  { settings: { webhook }, clock }: AccountOptions<Settings>,
): { readonly trouble: readonly string[]; readonly past: readonly string[] } {
  if (!webhook) return { trouble: [], past: [] };
  const registration = troubleOf(info, webhook);
  const trouble = registration === undefined ? [] : [registration];
  const error = deliveryErrorOf(info, clock.now());
  if (!error) return { trouble, past: [] };
  return error.isOver
    ? { trouble, past: [error.sentence] }
    : { trouble: [...trouble, error.sentence], past: [] };
}
