import type { AccountOptions, ChannelAccount } from "@holdfast/core";
import { formatEmail } from "../format/index.ts";
import { domainOf } from "./addresses.ts";
import { AnswerLimit } from "./answer-limit.ts";
import { checkAccount } from "./check.ts";
import type { Identity } from "./events.ts";
import { MailboxReaders } from "./mailbox-readers.ts";
import { parseMediaSource } from "./media.ts";
import { receiveMails } from "./receive.ts";
import { sendMail } from "./send.ts";
import type { EmailSettings } from "./settings.ts";
import { SmtpPool } from "./smtp-pool.ts";
import { Threads } from "./threads.ts";

export function openEmailAccount(options: AccountOptions<EmailSettings>): ChannelAccount {
  const { address, answersPerHour, authenticatedBy } = options.settings;
  const self: Identity = { address, domain: domainOf(address), authenticatedBy };
  const threads = new Threads();
  const readers = new MailboxReaders(options);
  const pool = new SmtpPool(options);
  const limit = new AnswerLimit(options.clock, answersPerHour);
  const findThread = async (messageId: string, signal: AbortSignal) => {
    const known = threads.find(messageId);
    if (known !== undefined) return known;
    const found = await readers.findThread(messageId, signal);
    if (found !== undefined) threads.remember(messageId, found);
    return found;
  };

  return {
    check: (signal) => checkAccount(options, signal),
    receive: (inbound, signal) => receiveMails(options, self, threads, inbound, signal),
    render: (markdown) => formatEmail(markdown).map((body) => ({ body, text: body.text })),
    send: (send, signal) => sendMail({ options, self, pool, limit, findThread }, send, signal),
    fetchMedia: async (media, signal) => readers.fetchMedia(parseMediaSource(media.source), signal),
    async close() {
      pool.close();
    },
  };
}
