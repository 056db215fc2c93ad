import type { AccountOptions, ChannelAccount, Inbound } from "@holdfast/core";
import { isPrivateBase, mediaMaxBytes, mediaTypes, safeFetch } from "../media/index.ts";
import { checkAccount } from "./check.ts";
import { registerCommand } from "./command.ts";
import { readInteraction } from "./interactions.ts";
import { createRead } from "./reader.ts";
import { receiveGateway } from "./receive.ts";
import { createRest } from "./rest.ts";
import { createSender } from "./send.ts";
import type { DiscordSettings } from "./settings.ts";

export function openDiscord(options: AccountOptions<DiscordSettings>): ChannelAccount {
  const { settings, clock } = options;
  const { interactions } = settings;
  const rest = createRest(options);
  const read = createRead(rest, clock);
  const sender = createSender(rest, clock, interactions?.applicationId);

  return {
    ...sender,
    check: (signal) => checkAccount(rest, settings, signal),
    ...(interactions === undefined
      ? {}
      : { webhook: async (request) => readInteraction(request, interactions.publicKey, clock) }),

    async receive(inbound, signal) {
      if (interactions !== undefined) {
        await registerCommand(interactions, read, options.report, signal);
      }
      if (settings.gateway) await receiveGateway(options, read, inbound, signal);
      else await stayUntilEnd(inbound, signal);
    },

    fetchMedia: (media, signal) =>
      safeFetch(media.source, {
        maxBytes: mediaMaxBytes,
        allowedTypes: mediaTypes,
        signal,
        allowPrivate: isPrivateBase(settings.apiUrl),
      }),

    close: () => rest.close(),
  };
}

/** Slash commands arrive at any node; nothing is listened to. */
async function stayUntilEnd(inbound: Inbound, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  inbound.connected("slash commands only");
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
