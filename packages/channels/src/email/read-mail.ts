import PostalMime, { type Address, type Attachment, type Email } from "postal-mime";
import { isMailAddress } from "./addresses.ts";
import { htmlToText } from "./html-text.ts";
import { emailLimits } from "./limits.ts";
import { countParts } from "./part-count.ts";

/** A mail as far as the channel looks at it. */
export interface ReadMail {
  /** The value of the first header of that name, in lower case; encoded words are decoded only in `subject`. */
  header(name: string): string | undefined;
  headers(name: string): readonly string[];
  readonly contentType: string;
  readonly from: { readonly address: string; readonly name?: string } | undefined;
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly date: number | undefined;
  readonly text: string;
  readonly attachments: readonly Attachment[];
  /** Sentences about what could not be read. */
  readonly notices: readonly string[];
}

/** Reads a mail's source, or the first bytes of it. Never fails: what cannot be read becomes a notice. */
export async function readMail(source: Uint8Array, isWhole: boolean): Promise<ReadMail> {
  const head = source.subarray(0, headEnd(source));
  const isReport = /^content-type:\s*multipart\/report/im.test(latin1(head));
  const notices: string[] = [];
  let email: Email | undefined;
  try {
    if (countParts(source) > emailLimits.parts) {
      notices.push(`It has more than ${emailLimits.parts} parts, so only its subject was read.`);
    } else email = await parse(source, isReport);
  } catch {
    notices.push(
      `Its parts are nested deeper than ${emailLimits.nestingDepth} levels or its headers are too long, so only its subject was read.`,
    );
  }
  email ??= await parseHead(head);
  if (!isWhole) notices.push("It is too large: its end and its attachments were not read.");
  return asReadMail(email, isWhole, notices);
}

function parse(source: Uint8Array, isReport: boolean): Promise<Email> {
  return PostalMime.parse(source, {
    maxNestingDepth: emailLimits.nestingDepth,
    maxHeadersSize: emailLimits.headerBytes,
    maxRfc822NestingDepth: emailLimits.mailsInMails,
    forceRfc822Attachments: isReport,
  });
}

/** The headers alone, as plain text, so that a body that cannot be read does no harm. */
async function parseHead(head: Uint8Array): Promise<Email> {
  const wanted = /^(from|to|cc|subject|date|message-id|in-reply-to|references):/i;
  const known = latin1(head.subarray(0, emailLimits.headerBytes / 4))
    .split(/\r?\n(?![ \t])/)
    .filter((line) => wanted.test(line));
  return PostalMime.parse(Buffer.from(`${known.join("\r\n")}\r\n\r\n`, "latin1"));
}

function asReadMail(email: Email, isWhole: boolean, notices: string[]): ReadMail {
  const values = (name: string) =>
    email.headers.filter((header) => header.key === name).map((header) => header.value.trim());
  const from = flat(email.from === undefined ? [] : [email.from])[0];
  return {
    header: (name) => values(name)[0],
    headers: values,
    contentType: (values("content-type")[0] ?? "text/plain").toLowerCase(),
    from,
    recipients: flat([...(email.to ?? []), ...(email.cc ?? [])]).map(({ address }) => address),
    subject: oneLine(email.subject ?? "", emailLimits.subjectChars),
    date: sentAt(email.date),
    text: cut(bodyOf(email), notices),
    attachments: isWhole ? email.attachments : [],
    notices,
  };
}

/** One line without control characters, no longer than `max` code points. */
export function oneLine(text: string, max: number): string {
  const flatText = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return flatText.length <= max ? flatText : [...flatText].slice(0, max).join("");
}

function bodyOf(email: Email): string {
  const plain = email.text?.trim();
  const text =
    plain === undefined || plain === ""
      ? htmlToText((email.html ?? "").slice(0, emailLimits.htmlChars))
      : (email.text ?? "");
  // A NUL or half a surrogate pair is no text anywhere else.
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}

function cut(text: string, notices: string[]): string {
  if (text.length <= emailLimits.textChars) return text;
  notices.push(`Its text is longer than ${emailLimits.textChars} characters; the rest was cut.`);
  return text.slice(0, emailLimits.textChars).toWellFormed();
}

function flat(addresses: readonly Address[]): { address: string; name?: string }[] {
  return addresses
    .flatMap((one) => one.group ?? [one])
    .flatMap(({ address, name }) => {
      if (address === undefined || !isMailAddress(address)) return [];
      const shown = oneLine(name, emailLimits.nameChars);
      return [{ address: address.toLowerCase(), ...(shown === "" ? {} : { name: shown }) }];
    });
}

function sentAt(date: string | undefined): number | undefined {
  const at = Date.parse(date ?? "");
  return Number.isNaN(at) ? undefined : at;
}

function headEnd(source: Uint8Array): number {
  const end = /\r?\n\r?\n/.exec(latin1(source.subarray(0, emailLimits.headerBytes)));
  return end === null ? Math.min(source.length, emailLimits.headerBytes) : end.index;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
