import type { PersonMessage } from "../fake-platform.ts";

/** Where people's mails come from when a chat's name is no mail address. */
const peopleDomain = "people.example.org";

export function addressOf(chat: string): string {
  return (chat.includes("@") ? chat : `${chat}@${peopleDomain}`).toLowerCase();
}

interface Thread {
  /** Message-IDs with brackets, the oldest first. */
  readonly ids: string[];
  readonly subject: string;
}

/** Writes what people say as their mail programs would: each chat is one thread of mails. */
export class PeopleMails {
  readonly #account: string;
  readonly #subject: string;
  readonly #threads = new Map<string, Thread>();
  #count = 0;

  constructor(account: string, subject: string) {
    this.#account = account;
    this.#subject = subject;
  }

  write(message: PersonMessage): string {
    const address = addressOf(message.chat);
    const thread = this.#threads.get(address) ?? { ids: [], subject: this.#subject };
    this.#threads.set(address, thread);
    this.#count += 1;
    const id = `<${this.#count}.${Date.now()}@${peopleDomain}>`;
    const last = thread.ids.at(-1);
    const subject =
      last === undefined || thread.subject === "" ? thread.subject : `Re: ${thread.subject}`;
    const name = message.senderName ?? message.sender;
    const lines = [
      `Return-Path: <${address}>`,
      `From: ${name === undefined ? address : `${encodedWord(name)} <${address}>`}`,
      `To: ${this.#account}`,
      ...(subject === "" ? [] : [`Subject: ${encodedWord(subject)}`]),
      `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
      `Message-ID: ${id}`,
      ...(last === undefined
        ? []
        : [`In-Reply-To: ${last}`, `References: ${thread.ids.slice(-15).join("\r\n ")}`]),
      ...(message.isBot === true ? ["Auto-Submitted: auto-generated"] : []),
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: base64",
      "",
      base64Lines(message.text),
      "",
    ];
    this.remember(address, id);
    return lines.join("\r\n");
  }

  /** A mail of the account that the person got: the next one of the person answers it. */
  remember(address: string, id: string): void {
    const ids = this.#threads.get(address)?.ids;
    // The first must stay: it is what makes the thread.
    if (ids !== undefined && !ids.includes(id)) ids.push(id);
    if (ids !== undefined && ids.length > 15) ids.splice(1, 1);
  }
}

/** The notification that a mail server sends back when it cannot deliver a mail. */
export function bounceOf(
  account: string,
  recipient: string,
  source: string,
  action: "failed" | "delayed",
): string {
  const head = source.slice(0, source.indexOf("\r\n\r\n"));
  return [
    "Return-Path: <>",
    "From: Mail Delivery System <MAILER-DAEMON@mx.example.org>",
    `To: ${account}`,
    "Subject: Undelivered Mail Returned to Sender",
    `Message-ID: <${Date.now()}.bounce@mx.example.org>`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b0"',
    "",
    "--b0",
    "Content-Type: text/plain; charset=us-ascii",
    "",
    "The mail system could not deliver your mail.",
    "",
    "--b0",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.example.org",
    "",
    `Final-Recipient: rfc822; ${recipient}`,
    `Action: ${action}`,
    `Status: ${action === "failed" ? "5.1.1" : "4.4.1"}`,
    "Diagnostic-Code: smtp; 550 5.1.1 No such user here",
    "",
    "--b0",
    "Content-Type: text/rfc822-headers",
    "",
    head,
    "",
    "--b0--",
    "",
  ].join("\r\n");
}

function encodedWord(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) && !/[",<>@:;()]/.test(text)
    ? text
    : `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
}

function base64Lines(text: string): string {
  return Buffer.from(text)
    .toString("base64")
    .replace(/(.{76})/g, "$1\r\n");
}
