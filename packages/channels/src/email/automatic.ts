import { firstHeader, type ReadMail } from "./read-mail.ts";

/** Before the "@" or what a system adds behind a "+" to know its mails again. */
const senders = /^(mailer-daemon|postmaster|no[-_.]?reply|do[-_.]?not[-_.]?reply|bounces?)[+@]/;

/** The header that every mail of an account carries. */
export const loopHeader = "x-holdfast-loop";

/** Headers that no mail of a person has, whatever they say. */
const marks = [
  loopHeader,
  "list-id",
  "x-auto-reply",
  "x-autoreply",
  "x-autoreply-from",
  "x-autorespond",
  "x-autoresponse",
  "x-loop",
  "x-ms-exchange-generated-message-source",
];

/**
 * True for what no person wrote by hand: answering it could begin a loop. By the marks of RFC 3834, of
 * mailing lists (RFC 2919), of reports (RFC 6522) and of what is in use besides. X-Auto-Response-Suppress is
 * none of them: Exchange adds it to what people write to a distribution list.
 */
export function isAutomatic(mail: ReadMail): boolean {
  const header = (name: string) => firstHeader(mail.headers, name);
  const submitted = header("auto-submitted")?.toLowerCase();
  return (
    (submitted !== undefined && !/^\s*no\s*(;|$)/.test(submitted)) ||
    /^\s*(bulk|list|junk|auto[-_]reply)\s*$/i.test(header("precedence") ?? "") ||
    marks.some((name) => mail.headers.has(name)) ||
    header("return-path")?.trim() === "<>" ||
    mail.contentType.startsWith("multipart/report") ||
    mail.from === undefined ||
    senders.test(mail.from.address)
  );
}
