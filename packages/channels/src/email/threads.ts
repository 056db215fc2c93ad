import { emailLimits } from "./limits.ts";

/** What an answer must know of the mail that it answers. */
export interface ThreadMail {
  readonly subject: string;
  /** The Message-IDs before it, the oldest first. */
  readonly before: readonly string[];
}

/** The mails read last, by Message-ID; a mail that was forgotten is looked up in the mailbox. */
export class Threads {
  readonly #mails = new Map<string, ThreadMail>();

  remember(messageId: string, { subject, before }: ThreadMail): void {
    this.#mails.delete(messageId);
    this.#mails.set(messageId, { subject, before: boundedReferences(before) });
    if (this.#mails.size <= emailLimits.rememberedMails) return;
    for (const [oldest] of this.#mails) {
      this.#mails.delete(oldest);
      return;
    }
  }

  find(messageId: string): ThreadMail | undefined {
    return this.#mails.get(messageId);
  }
}

/** The first, by which clients find the thread, and the last. */
export function boundedReferences(ids: readonly string[]): readonly string[] {
  return ids.length <= emailLimits.references
    ? ids
    : [...ids.slice(0, 1), ...ids.slice(1 - emailLimits.references)];
}
