import {
  type AccountOptions,
  type ChannelAccount,
  type InboundEvent,
  toHoldfastError,
} from "@holdfast/core";
import { formatWhatsApp } from "../format/index.ts";
import { checkAccount } from "./check.ts";
import { Graph } from "./graph.ts";
import { rememberedChats } from "./limits.ts";
import { fetchFile } from "./media.ts";
import { sendText } from "./send.ts";
import type { WhatsAppSettings } from "./settings.ts";
import { showTyping } from "./typing.ts";
import { answerWebhook } from "./webhook.ts";

export function openWhatsApp(options: AccountOptions<WhatsAppSettings>): ChannelAccount {
  const { settings } = options;
  const graph = new Graph(options);
  /** Typing is shown as an answer to a message; the newest of each chat that this node heard of. */
  const newest = new Map<string, string>();

  const remember = (events: readonly InboundEvent[]) => {
    for (const event of events) {
      if (event.type !== "message") continue;
      newest.delete(event.chat.id);
      newest.set(event.chat.id, event.messageId);
      const [oldest] = newest.keys();
      if (newest.size > rememberedChats && oldest !== undefined) newest.delete(oldest);
    }
  };

  return {
    check: (signal) => checkAccount(graph, options, signal),
    async webhook(request) {
      const answer = answerWebhook(request, options);
      remember(answer.events);
      return answer;
    },
    render: (markdown) =>
      formatWhatsApp(markdown).map(({ text, plain }) => ({ body: { text }, text: plain })),
    send: (send, signal) => sendText(graph, settings.phoneNumberId, send, signal),
    async typing(chat, signal) {
      const messageId = newest.get(chat.id);
      if (messageId === undefined) return;
      try {
        await showTyping(graph, settings.phoneNumberId, messageId, signal);
      } catch (error) {
        options.report(toHoldfastError(error), "typing");
      }
    },
    fetchMedia: (media, signal) => fetchFile(graph, settings, media, signal),
    close: () => graph.close(),
  };
}
