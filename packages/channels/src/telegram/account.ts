import { type AccountOptions, type ChannelAccount, HoldfastError } from "@holdfast/core";
import { createBotApi, reasonOf } from "./bot-api.ts";
import { checkBot } from "./check.ts";
import { createIdentities } from "./identity.ts";
import { fetchFile } from "./media.ts";
import { poll } from "./polling.ts";
import { keepRegistered } from "./registration.ts";
import { createSender, render, threadOf } from "./send.ts";
import type { Settings } from "./settings.ts";
import { readWebhook } from "./webhook.ts";

/** One bot. */
export function openAccount(options: AccountOptions<Settings>): ChannelAccount {
  const { settings, clock } = options;
  const api = createBotApi(options);
  const identities = createIdentities(api, clock);
  const sender = createSender(api, clock);

  return {
    check: (signal) => checkBot(options, api, identities, signal),
    webhook: (request) => readWebhook(options, identities, request),
    async receive(inbound, signal) {
      const { webhook } = settings;
      if (webhook) await keepRegistered({ options, api, inbound, webhook, signal });
      else await poll({ options, api, identities, inbound, signal });
    },
    render,
    send: (send, signal) => sender.send(send, signal),
    async typing(chat, signal) {
      const called = await api.call(
        "sendChatAction",
        { chat_id: chat.id, action: "typing", ...threadOf(chat) },
        { signal },
      );
      // That it could not be shown is no news: the answer itself finds out.
      if (called.type === "refused" && called.code === 403) {
        options.report(
          new HoldfastError("channel_unavailable", `Telegram: ${reasonOf(called)}`),
          "telegram typing",
        );
      }
    },
    fetchMedia: (media, signal) => fetchFile(api, media, signal),
    close: () => api.close(),
  };
}
