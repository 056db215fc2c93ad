import type { ReadMail } from "./read-mail.ts";

const senders = new Set([
  "mailer-daemon",
  "postmaster",
  "noreply",
  "no-reply",
  "donotreply",
  "do-not-reply",
]);

/** The header that every mail of an account carries. */
export const loopHeader = "x-holdfast-loop";

/**
 * True for what no person wrote by hand: answering it could begin a loop. By the marks of RFC 3834, of
 * mailing lists (RFC 2919), of reports (RFC 6522) and of what is in use besides. X-Auto-Response-Suppress is
 * none of them: Exchange adds it to what people write to a distribution list.
 */
export function isAutomatic(mail: ReadMail): boolean {
  const submitted = mail.header("auto-submitted")?.toLowerCase();
  return (
    (submitted !== undefined && !/^\s*no\s*(;|$)/.test(submitted)) ||
    /^\s*(bulk|list|junk|auto_reply)\s*$/i.test(mail.header("precedence") ?? "") ||
    mail.header("x-autoreply") !== undefined ||
    mail.header("x-autorespond") !== undefined ||
    mail.header("list-id") !== undefined ||
    mail.header(loopHeader) !== undefined ||
    mail.header("return-path")?.trim() === "<>" ||
    mail.contentType.startsWith("multipart/report") ||
    mail.from === undefined ||
    senders.has(mail.from.address.slice(0, mail.from.address.lastIndexOf("@")))
  );
}
