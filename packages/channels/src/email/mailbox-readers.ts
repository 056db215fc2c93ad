import { type AccountOptions, type FetchedMedia, HoldfastError } from "@holdfast/core";
import type { ImapFlow } from "imapflow";
import PostalMime from "postal-mime";
import { isMessageId } from "./addresses.ts";
import { threadIds } from "./events.ts";
import { emailLimits } from "./limits.ts";
import { asMailboxError, fetchSource, openMailbox } from "./mailbox.ts";
import { attachmentOf, type MediaSource } from "./media.ts";
import { mailReader } from "./mail-reader.ts";
import { headersByName } from "./read-mail.ts";
import type { EmailSettings } from "./settings.ts";
import { Slots } from "./slots.ts";
import type { ThreadMail } from "./threads.ts";

/** Looks into the mailbox beside the receiver, also on nodes that do not own the account. */
export class MailboxReaders {
  readonly #options: AccountOptions<EmailSettings>;
  readonly #slots = new Slots(emailLimits.readers);

  constructor(options: AccountOptions<EmailSettings>) {
    this.#options = options;
  }

  /** Errors: `media_refused`, `account_unauthorized`, `channel_unavailable`. */
  fetchMedia(source: MediaSource, signal: AbortSignal): Promise<FetchedMedia> {
    return this.#slots.use(signal, async () => {
      const fetched = await this.#look(withTimeout(signal), async (client) => {
        const uid = await findUid(client, source);
        return uid === undefined ? undefined : fetchSource(client, uid);
      });
      if (fetched === undefined || !fetched.isWhole) {
        throw new HoldfastError(
          "media_refused",
          "The mail of the file is not in the mailbox any more.",
        );
      }
      // Without the timeout: the reader has its own, and other mails may come first.
      const mail = await mailReader.read(this.#options, fetched.source, true, signal);
      return attachmentOf(mail, source.p);
    });
  }

  /** Undefined when the mailbox has no such mail, or cannot be read now. */
  async findThread(messageId: string, outer: AbortSignal): Promise<ThreadMail | undefined> {
    // An answer does not wait longer for its turn, either.
    const signal = withTimeout(outer);
    const look = () =>
      this.#look(signal, async (client) => {
        const uid = await uidOf(client, messageId);
        if (uid === undefined) return undefined;
        const mail = await client.fetchOne(
          String(uid),
          { uid: true, headers: ["subject", "references", "in-reply-to"] },
          { uid: true },
        );
        if (mail === false || mail.headers === undefined) return undefined;
        return readHeaders(mail.headers);
      });
    try {
      return await this.#slots.use(signal, look);
    } catch {
      // The answer goes out without the thread's subject.
      return undefined;
    }
  }

  async #look<Result>(
    signal: AbortSignal,
    work: (client: ImapFlow) => Promise<Result>,
  ): Promise<Result> {
    const client = await openMailbox(this.#options, signal);
    try {
      return await work(client);
    } catch (error) {
      throw asMailboxError(error, "read", this.#options.settings.imap.mailbox);
    } finally {
      client.close();
    }
  }
}

function withTimeout(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(emailLimits.readTimeoutMs)]);
}

async function findUid(client: ImapFlow, { v, u, m }: MediaSource): Promise<number | undefined> {
  if (client.mailbox !== false && String(client.mailbox.uidValidity) === v) return u;
  return m === undefined ? undefined : uidOf(client, m);
}

async function uidOf(client: ImapFlow, messageId: string): Promise<number | undefined> {
  if (!isMessageId(messageId)) return undefined;
  const found = await client.search({ header: { "message-id": `<${messageId}>` } }, { uid: true });
  return found ? found.at(-1) : undefined;
}

async function readHeaders(headers: Uint8Array): Promise<ThreadMail> {
  const email = await PostalMime.parse(headers, { maxHeadersSize: emailLimits.headerBytes });
  return { subject: email.subject ?? "", before: threadIds(headersByName(email.headers)) };
}
