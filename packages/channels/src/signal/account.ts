import {
  type AccountOptions,
  type ChannelAccount,
  HoldfastError,
  toHoldfastError,
} from "@holdfast/core";
import { formatSignal } from "../format/index.ts";
import { checkAccount } from "./check.ts";
import { attachmentAnswerBytes, fetchAttachment } from "./media.ts";
import { sendOutcome } from "./outcome.ts";
import { receiveEvents } from "./receive.ts";
import { Rpc } from "./rpc.ts";
import { recipientOf, sendPiece } from "./send.ts";
import type { SignalSettings } from "./settings.ts";

export function openSignal(options: AccountOptions<SignalSettings>): ChannelAccount {
  const rpc = new Rpc(options);
  const files = new Rpc(options, attachmentAnswerBytes);
  return {
    check: (signal) => checkAccount(rpc, options, signal),
    receive: (inbound, signal) => receiveEvents(options, inbound, signal),
    render: (markdown) =>
      formatSignal(markdown).map(({ text, styles, plain }) => ({
        body: { text, styles },
        text: plain,
      })),
    send: (send, signal) => sendPiece(rpc, options, send, signal),
    async typing(chat, signal) {
      const params = { account: options.settings.account, ...recipientOf(chat) };
      try {
        const outcome = sendOutcome(await rpc.call("sendTyping", params, signal));
        if (outcome.outcome !== "unauthorized") return;
        options.report(new HoldfastError("channel_unavailable", outcome.reason), "typing");
      } catch (error) {
        options.report(toHoldfastError(error), "typing");
      }
    },
    fetchMedia: (media, signal) => fetchAttachment(files, options, media, signal),
    async close() {
      await Promise.all([rpc.close(), files.close()]);
    },
  };
}
