import type { AccountOptions, ChannelAccount } from "@holdfast/core";
import { createSlackApi } from "./api.ts";
import { checkAccount } from "./check.ts";
import { createDirectory } from "./directory.ts";
import { fetchFile } from "./media.ts";
import { receiveOverSocket } from "./receive.ts";
import { renderPieces, sendPiece } from "./send.ts";
import type { SlackSettings } from "./settings.ts";
import { answerWebhook } from "./webhook.ts";

export function openSlackAccount(options: AccountOptions<SlackSettings>): ChannelAccount {
  const { clock, random, report, secret, settings } = options;
  const api = createSlackApi(settings.apiUrl, clock);
  const token = () => secret(settings.botToken);
  const directory = createDirectory(api, token, clock);
  const translating = { directory, now: () => clock.now(), report };
  const sending = { api, directory, token, clock };

  const account: ChannelAccount = {
    check: (signal) =>
      checkAccount(
        {
          api,
          botToken: token,
          appToken: settings.mode === "socket" ? () => secret(settings.appToken) : undefined,
          signingSecret:
            settings.mode === "http" ? () => secret(settings.signingSecret) : undefined,
        },
        signal,
      ),
    render: renderPieces,
    send: (send, signal) => sendPiece(send, sending, signal),
    fetchMedia: (media, signal) =>
      fetchFile(media, { api, apiUrl: settings.apiUrl, token }, signal),
    close: () => api.close(),
  };
  if (settings.mode === "http") {
    const signingSecret = () => secret(settings.signingSecret);
    return {
      ...account,
      webhook: (request) => answerWebhook(request, { ...translating, signingSecret }),
    };
  }
  const appToken = () => secret(settings.appToken);
  return {
    ...account,
    receive: (inbound, signal) =>
      receiveOverSocket({ ...translating, api, appToken, clock, random }, inbound, signal),
  };
}
