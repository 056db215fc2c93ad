import { type AccountCheck, type AccountOptions, toHoldfastError } from "@holdfast/core";
import { type BotApi, resultOf } from "./bot-api.ts";
import type { Identities } from "./identity.ts";
import { askWebhookInfo, troubleOf } from "./registration.ts";
import type { Settings } from "./settings.ts";
import { userOfBotSchema } from "./updates.ts";

/** Asks who the bot is and how its updates come. Errors: none. */
export async function checkBot(
  { settings, secret }: AccountOptions<Settings>,
  api: BotApi,
  identities: Identities,
  signal: AbortSignal,
): Promise<AccountCheck> {
  let identity: string | undefined;
  try {
    const bot = userOfBotSchema.safeParse(resultOf(await api.call("getMe", {}, { signal }))).data;
    if (!bot) return { ok: false, findings: ["What answers at apiUrl is not a Bot API server."] };
    identity = `@${identities.remember(bot).username}`;
    const findings: string[] = [];
    if (bot.can_read_all_group_messages === false) {
      findings.push(
        "In groups the bot sees only commands, answers to it, and messages that name it. To let it see all, turn its privacy mode off with BotFather and add it to the group again.",
      );
    }
    const info = await askWebhookInfo(api, signal);
    const trouble = settings.webhook ? troubleOf(info, settings.webhook) : [];
    if (!settings.webhook && info.url !== "") {
      findings.push("The bot has a webhook. Polling removes it, and so takes the updates from it.");
    }
    if (settings.webhook && secret(settings.webhook.secret) === "") {
      return { ok: false, identity, findings: [...findings, "The webhook's secret is empty."] };
    }
    if (info.pending_update_count > 0) {
      findings.push(`${info.pending_update_count} updates wait at Telegram.`);
    }
    return { ok: trouble.length === 0, identity, findings: [...trouble, ...findings] };
  } catch (thrown) {
    const found = { ok: false, findings: [toHoldfastError(thrown).message] };
    return identity === undefined ? found : { ...found, identity };
  }
}
