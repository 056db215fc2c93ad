import PostalMime, { type Address, type Attachment, type Email, type Header } from "postal-mime";
import { isMailAddress } from "./addresses.ts";
import { htmlToText } from "./html-text.ts";
import { emailLimits } from "./limits.ts";
import { MimeParser, TooManyLines } from "./mime-parser.ts";
import { countParts, firstLines, hasTooManyLines } from "./part-count.ts";

/** The values of each header in their order, by its name in lower case; encoded words are not decoded. */
export type MailHeaders = ReadonlyMap<string, readonly string[]>;

/** A mail as far as the channel looks at it: data alone, so that it can come from another thread. */
export interface ReadMail {
  readonly headers: MailHeaders;
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

/**
 * Reads a mail's source, or the first bytes of it: what cannot be read becomes a notice. It may take seconds,
 * so nodes leave it to `MailReader`.
 */
export async function readMail(source: Uint8Array, isWhole: boolean): Promise<ReadMail> {
  const all = hasTooManyLines(source)
    ? undefined
    : await readAll(source, isWhole, isWhole ? [] : [cutOff]);
  if (all) return all;
  // Nobody reads that many: what matters of a long text stands at its beginning.
  const notices = [`${tooManyLines}: its end and its attachments were not read.`];
  const beginning = firstLines(source, emailLimits.lines);
  return (await readAll(beginning, false, notices)) ?? readHead(source, isWhole, tooManyLines);
}

/** Undefined when it has too many lines. */
async function readAll(
  source: Uint8Array,
  isWhole: boolean,
  notices: string[],
): Promise<ReadMail | undefined> {
  if (countParts(source) > emailLimits.parts) {
    return readHead(source, isWhole, `It has more than ${emailLimits.parts} parts`);
  }
  const bodyAt = headEnd(source);
  const isReport = /^content-type:\s*multipart\/report/im.test(latin1(source.subarray(0, bodyAt)));
  let email: Email;
  try {
    email = await parse(source, isWhole, isReport);
  } catch (error) {
    return error instanceof TooManyLines ? undefined : readHead(source, isWhole, tooDeep);
  }
  const mail = asReadMail(email, isWhole, notices);
  const isUnread = mail.text === "" && email.attachments.length === 0;
  if (isUnread && !isBlank(source.subarray(bodyAt))) {
    notices.push("Its body holds no text that can be read.");
  }
  return mail;
}

/** What a mail's first headers say, with why there is no more of it. Quick, whatever the mail holds. */
export async function readHead(
  source: Uint8Array,
  isWhole: boolean,
  why: string,
): Promise<ReadMail> {
  const email = await parseHead(source.subarray(0, headEnd(source)));
  const notices = [`${why}, so only its subject was read.`, ...(isWhole ? [] : [cutOff])];
  return asReadMail(email, isWhole, notices);
}

const tooManyLines = `It has more than ${emailLimits.lines} lines`;
const tooDeep = `Its parts are nested deeper than ${emailLimits.nestingDepth} levels or its headers are too long`;
const cutOff = "It is too large: its end and its attachments were not read.";

function parse(source: Uint8Array, isWhole: boolean, isReport: boolean): Promise<Email> {
  const options = {
    maxNestingDepth: emailLimits.nestingDepth,
    maxHeadersSize: emailLimits.headerBytes,
    maxRfc822NestingDepth: emailLimits.mailsInMails,
    forceRfc822Attachments: isReport,
  };
  return new MimeParser(options, isWhole).parse(source);
}

/**
 * The headers alone, as those of plain text, so that a body that cannot be read does no harm. What marks a mail
 * as automatic or genuine is there as ever.
 */
async function parseHead(head: Uint8Array): Promise<Email> {
  const lines = latin1(head).split(/\r?\n(?![ \t])/);
  const others = lines.filter((line) => !/^(content-|mime-version)/i.test(line));
  const email = await PostalMime.parse(Buffer.from(`${others.join("\r\n")}\r\n\r\n`, "latin1"));
  const contentType = lines.flatMap((line) => /^content-type[ \t]*:([^]*)$/i.exec(line)?.[1] ?? []);
  const value = contentType[0]?.replace(/[\r\n]+/g, "").trim();
  if (value !== undefined) {
    email.headers.push({ key: "content-type", originalKey: "Content-Type", value });
  }
  return email;
}

function asReadMail(email: Email, isWhole: boolean, notices: string[]): ReadMail {
  const headers = headersByName(email.headers);
  const from = flat(email.from === undefined ? [] : [email.from])[0];
  return {
    headers,
    contentType: (firstHeader(headers, "content-type") ?? "text/plain").toLowerCase(),
    from,
    recipients: flat([...(email.to ?? []), ...(email.cc ?? [])]).map(({ address }) => address),
    subject: oneLine(email.subject ?? "", emailLimits.subjectChars),
    date: sentAt(email.date),
    text: cut(bodyOf(email), notices),
    attachments: isWhole ? email.attachments : [],
    notices,
  };
}

export function headersByName(headers: readonly Header[]): MailHeaders {
  return new Map(
    [...Map.groupBy(headers, ({ key }) => key)].map(([name, those]) => [
      name,
      those.map(({ value }) => value.trim()),
    ]),
  );
}

export function firstHeader(headers: MailHeaders, name: string): string | undefined {
  return headers.get(name)?.[0];
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

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte <= 0x20);
}

function headEnd(source: Uint8Array): number {
  const end = /\r?\n\r?\n/.exec(latin1(source.subarray(0, emailLimits.headerBytes)));
  return end === null ? Math.min(source.length, emailLimits.headerBytes) : end.index;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
