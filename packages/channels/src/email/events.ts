import type { InboundEvent } from "@holdfast/core";
import { isMessageId, messageIds, readOwnMessageId, shortHash } from "./addresses.ts";
import { isGenuine } from "./authenticity.ts";
import { isAutomatic } from "./automatic.ts";
import { readDeliveryReport } from "./delivery-report.ts";
import type { MailPlace } from "./mail-place.ts";
import { mediaOf } from "./media.ts";
import { firstHeader, type MailHeaders, type ReadMail } from "./read-mail.ts";
import { trimText } from "./trim-text.ts";

export interface Identity {
  readonly address: string;
  readonly domain: string;
  readonly authenticatedBy: string | undefined;
}

/** What a mail means to the agent. */
export function mailEvent(mail: ReadMail, place: MailPlace, self: Identity): InboundEvent {
  const [ownId] = messageIds(firstHeader(mail.headers, "message-id"));
  const report = readDeliveryReport(mail, self.domain);
  if (report === "delayed") return { type: "ignored", what: "automatic" };
  if (report !== undefined) {
    return {
      type: "receipt",
      eventId: eventIdOf(ownId, place),
      chat: { kind: "direct", id: report.recipient, ...optional("thread", report.thread) },
      sender: { id: report.recipient, isBot: false },
      messageId: report.messageId,
      key: report.key,
      state: "failed",
      reason: report.reason,
      at: mail.date ?? place.receivedAt,
    };
  }
  const isOwn = ownId !== undefined && readOwnMessageId(ownId, self.domain) !== undefined;
  if (isOwn || mail.from?.address === self.address) return { type: "ignored", what: "own_message" };
  if (mail.from === undefined || isAutomatic(mail)) return { type: "ignored", what: "automatic" };
  if (!isGenuine(mail, mail.from.address, self.authenticatedBy)) {
    return { type: "ignored", what: "unauthenticated" };
  }
  const before = threadIds(mail.headers);
  const { media, notices } = mediaOf(mail, place, ownId);
  return {
    type: "message",
    eventId: eventIdOf(ownId, place),
    chat: {
      kind: "direct",
      id: mail.from.address,
      thread: threadOf(before, ownId ?? place.sourceHash, self.domain),
    },
    sender: { id: mail.from.address, ...optional("name", mail.from.name), isBot: false },
    text: textOf(mail, before.length > 0, [...mail.notices, ...notices]),
    messageId: ownId ?? `uid.${place.uidValidity}.${place.uid}`,
    mentionsAccount:
      mail.recipients.includes(self.address) ||
      before.some((id) => readOwnMessageId(id, self.domain) !== undefined),
    media,
    sentAt: mail.date ?? place.receivedAt,
  };
}

/** The Message-IDs of the mails before this one, the oldest first. */
export function threadIds(headers: MailHeaders): string[] {
  const references = messageIds(firstHeader(headers, "references"));
  const known = new Set(references);
  const answered = messageIds(firstHeader(headers, "in-reply-to")).filter((id) => !known.has(id));
  return [...references, ...answered];
}

/** The same for all mails of a thread: what a mail of this account carried on, or made of its first mail. */
function threadOf(before: readonly string[], own: string, domain: string): string {
  for (const id of before) {
    const thread = readOwnMessageId(id, domain)?.thread;
    if (thread !== undefined) return thread;
  }
  return shortHash(before[0] ?? own);
}

function eventIdOf(messageId: string | undefined, place: MailPlace): string {
  return messageId !== undefined && isMessageId(messageId)
    ? `m.${shortHash(messageId)}`
    : `s.${shortHash(`${place.receivedAt} ${place.sourceHash}`)}`;
}

/** The subject stands above the first mail of a thread alone: answers only repeat it. */
function textOf(mail: ReadMail, isAnswer: boolean, notices: readonly string[]): string {
  const isForwarded = /^\s*(fwd?|wg|tr|rv|i):/i.test(mail.subject);
  const body = trimText(mail.text, isAnswer && !isForwarded);
  const parts = isAnswer || mail.subject === "" ? [body] : [`Subject: ${mail.subject}`, body];
  if (notices.length > 0) parts.push(`[About this mail: ${notices.join(" ")}]`);
  return parts.filter((part) => part !== "").join("\n\n");
}

function optional<Name extends string>(
  name: Name,
  value: string | undefined,
): { readonly [key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in Name]: string });
}
