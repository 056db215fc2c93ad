import type { InboundEvent, InboundMessageEvent } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { mailEvent } from "./events.ts";
import { emailLimits } from "./limits.ts";
import { readHead, readMail } from "./read-mail.ts";

const self = { address: "agent@example.org", domain: "example.org", authenticatedBy: undefined };
const place = { uidValidity: "7", uid: 12, receivedAt: 1_000, sourceHash: "hash" };

async function read(
  source: string | Buffer,
  isWhole = true,
  authenticatedBy?: string,
): Promise<InboundEvent> {
  const bytes = typeof source === "string" ? Buffer.from(source.replace(/\r?\n/g, "\r\n")) : source;
  return mailEvent(await readMail(bytes, isWhole), place, { ...self, authenticatedBy });
}

async function message(source: string | Buffer, isWhole?: boolean): Promise<InboundMessageEvent> {
  const event = await read(source, isWhole);
  if (event.type !== "message") throw new Error(`It is ${event.type}.`);
  return event;
}

const head = "From: Ada <Ada@Example.net>\nTo: agent@example.org\nMessage-ID: <1@example.net>\n";

function withBody(type: string, body: Buffer): Buffer {
  const start = `${head.replaceAll("\n", "\r\n")}Content-Type: ${type}\r\n\r\n`;
  return Buffer.concat([Buffer.from(start), body]);
}

describe("a mail's text", () => {
  test("is the plain part; of a mail with HTML alone its text", async () => {
    const both = `${head}Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html\n--b\nContent-Type: text/plain\n\nplain\n--b--\n`;
    expect((await message(both)).text).toBe("plain");
    const html = `${head}Content-Type: text/html; charset=utf-8\n\n<style>p{}</style><p>Dear&nbsp;agent,<br>a &lt; b</p><ul><li>one<li>two</ul><blockquote>old</blockquote><a href="https://x.example/y">here</a><script>alert(1)</script>\n`;
    expect((await message(html)).text).toBe(
      "Dear agent,\na < b\n\n- one\n- two\n\n> old\nhere (https://x.example/y)",
    );
  });

  test("begins with the subject in the first mail of a thread", async () => {
    expect((await message(`${head}Subject: =?utf-8?Q?Caf=C3=A9?=\n\nopen?\n`)).text).toBe(
      "Subject: Café\n\nopen?",
    );
    expect((await message(`${head}Subject: Re: x\nReferences: <0@a>\n\nopen?\n`)).text).toBe(
      "open?",
    );
  });

  test("survives a wrong or unknown charset", async () => {
    const bytes = Buffer.from([0xc3, 0xa4, 0x69, 0xff, 0xfe, 0xc3, 0x00, 0x21]);
    const { text } = await message(withBody("text/plain; charset=utf-8", bytes));
    expect(text).toMatch(/^äi\ufffd+!$/);
    expect((await message(`${head}Content-Type: text/plain; charset=no-such\n\nHi\n`)).text).toBe(
      "Hi",
    );
    expect(
      (
        await message(
          `${head}Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=E4\n`,
        )
      ).text,
    ).toBe("ä");
  });

  test("in Latin letters is read as such where it says nothing else, or UTF-8", async () => {
    const letters = Buffer.from("Grüße", "latin1");
    for (const type of [
      "text/plain",
      "text/html",
      "text/plain; charset=UTF-8",
      "text/plain; charset=us-ascii",
    ]) {
      expect((await message(withBody(type, letters))).text).toBe("Grüße");
    }
    const quoted = "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable";
    expect((await message(withBody(quoted, Buffer.from("Gr=FC=DFe")))).text).toBe("Grüße");
    const parts = Buffer.concat([
      Buffer.from("--b\r\n\r\nGrüße\r\n--b\r\n\r\n"),
      letters,
      Buffer.from("\r\n--b--\r\n"),
    ]);
    expect((await message(withBody("multipart/mixed; boundary=b", parts))).text).toMatch(
      /^Grüße\s+Grüße$/,
    );
    const forwarded = Buffer.concat([Buffer.from("Subject: x\r\n\r\n"), letters]);
    const html = Buffer.concat([Buffer.from("Content-Type: text/html\r\n\r\n"), letters]);
    for (const mail of [forwarded, html]) {
      expect((await message(withBody("message/rfc822", mail))).text).toMatch(/(^|\n)Grüße$/);
    }
  });

  test("in UTF-8 that was cut within a letter stays UTF-8", async () => {
    for (const [text, missing] of [
      ["Grüße", 2],
      ["Gru\u00df", 1],
      ["Price: 1\u20ac", 1],
      ["Hi 😀", 1],
    ] as const) {
      const cut = Buffer.from(text).subarray(0, -missing);
      const read = await message(withBody("text/plain", cut), false);
      expect(read.text).toMatch(/^[\x20-\x7eü]+\ufffd\n/);
    }
    // A whole text may end with a Latin letter.
    const cafe = Buffer.from("Café", "latin1");
    expect((await message(withBody("text/plain", cafe))).text).toBe("Café");
  });

  test("over the limit is cut and says so", async () => {
    const { text } = await message(`${head}\n${"word ".repeat(2_000_000)}\n`);
    expect(text.length).toBeLessThan(emailLimits.textChars + 200);
    expect(text).toContain("the rest was cut");
  });

  test("of a mail that was not read whole says so", async () => {
    const { text, media } = await message(`${head}\nbeginning`, false);
    expect(text).toContain("beginning");
    expect(text).toContain("its end and its attachments were not read");
    expect(media).toEqual([]);
  });

  test("of parts nested too deep, or too many, is a notice", async () => {
    let deep = `${head}Subject: Deep\n`;
    for (let level = 0; level < 50; level += 1) {
      deep += `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n`;
    }
    const nested = await message(`${deep}\nhidden\n`);
    expect(nested.text).toMatch(/^Subject: Deep\n\n\[About this mail: .*nested deeper/);
    const many = `${head}Content-Type: multipart/mixed; boundary="b"\n\n${"--b\n\nx\n".repeat(600)}--b--\n`;
    expect((await message(many)).text).toContain("more than 500 parts");
  });

  test("of too many lines is a notice, and so is a body without a text", async () => {
    const lines = await message(`${head}Subject: Long\n\n${"\n".repeat(emailLimits.lines)}`);
    expect(lines.text).toMatch(/^Subject: Long\n\n\[About this mail: .*more than 150000 lines/);
    // Lines that look like base64 and are none count, and so do those of a mail in the mail.
    const text = `${head}\n${`${"a".repeat(76)}\n`.repeat(emailLimits.lines)}`;
    const long = await message(text);
    expect(long.text).toContain("more than 150000 lines: its end and its attachments were not");
    // The beginning of it is read as that of any long text.
    expect(long.text).toContain("a".repeat(76));
    const inner = Buffer.from(`\n${"\n".repeat(emailLimits.lines)}`).toString("base64");
    const forwarded = `${head}Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n${inner}\n`;
    expect((await message(forwarded)).text).toContain("more than 150000 lines");
    const file = `${head}Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n${`${"QUFB".repeat(15)}\n`.repeat(emailLimits.lines + 1)}`;
    expect(await message(file)).toMatchObject({ text: "", media: [{ kind: "file" }] });
    const noBoundary = await message(
      `${head}Content-Type: multipart/mixed\n\n--b\n\nHello\n--b--\n`,
    );
    expect(noBoundary.text).toBe("[About this mail: Its body holds no text that can be read.]");
    const picture = `${head}Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0=\n`;
    expect((await message(picture)).text).toBe("");
  });

  test("with a winmail.dat names what cannot be read", async () => {
    const event = await message(
      `${head}Content-Type: multipart/mixed; boundary=b\n\n--b\n\nSee file\n--b\nContent-Type: application/ms-tnef; name=winmail.dat\nContent-Disposition: attachment; filename=winmail.dat\nContent-Transfer-Encoding: base64\n\neJ8+\n--b--\n`,
    );
    expect(event.text).toContain("winmail.dat cannot be read");
    expect(event.media).toEqual([]);
  });

  test("of a mail without anything is empty, and broken mails are read as far as they go", async () => {
    expect((await message(head)).text).toBe("");
    await expect(read("")).resolves.toEqual({ type: "ignored", what: "automatic" });
    await expect(read("\0\0\r\n\r\n\0")).resolves.toEqual({ type: "ignored", what: "automatic" });
    await expect(
      read(`${head}Content-Type: multipart/mixed; boundary=\n\n--\n`),
    ).resolves.toMatchObject({ type: "message" });
  });
});

describe("the sender", () => {
  test("is the address in lower case, its name one line", async () => {
    const { sender, chat } = await message(
      "From: =?utf-8?B?8J+YgA0KQmNjOiB4?= <ADA@x.example>\n\nHi\n",
    );
    expect(sender).toEqual({ id: "ada@x.example", name: "😀 Bcc: x", isBot: false });
    expect(chat.id).toBe("ada@x.example");
  });

  test("is genuine only when the named server says so on top", async () => {
    const result = async (...headers: string[]) =>
      (await read(`${headers.join("\n")}\n${head}\nHi\n`, true, "mx.example.org")).type;
    const pass =
      "Authentication-Results: mx.example.org; spf=none; dmarc=pass (p=reject) header.from=example.net";
    const fail =
      "Authentication-Results: mx.example.org; dmarc=fail header.from=example.net; spf=pass smtp.mailfrom=eve.example";
    const foreign = "Authentication-Results: mx.eve.example; dmarc=pass header.from=example.net";
    const dkim =
      "Authentication-Results: mx.example.org 1; dkim=pass header.d=example.net header.s=k";
    expect(await result(pass)).toBe("message");
    expect(await result(dkim)).toBe("message");
    expect(await result(fail, pass)).toBe("ignored");
    expect(await result(foreign)).toBe("ignored");
    expect(await result("X-Other: 1")).toBe("ignored");
    expect(
      await result("Authentication-Results: mx.example.org; dkim=pass header.d=eve.example"),
    ).toBe("ignored");
  });
});

describe("the head alone", () => {
  const event = async (headers: string, authenticatedBy?: string) =>
    mailEvent(await readHead(Buffer.from(`${headers}${head}\nHi\n`), true, "So"), place, {
      ...self,
      authenticatedBy,
    });

  test("still says who wrote the mail", async () => {
    const results = "Authentication-Results: mx.example.org; dmarc=pass header.from=";
    expect(await event(`${results}example.net\n`, "mx.example.org")).toMatchObject({
      type: "message",
      text: "[About this mail: So, so only its subject was read.]",
    });
    expect(await event(`${results}eve.example\n`, "mx.example.org")).toMatchObject({
      what: "unauthenticated",
    });
    // Too long to prove anything, and no shorter for being cut.
    const long = `${results}example.net${" ".repeat(100_000)};\n`;
    expect(await event(long, "mx.example.org")).toMatchObject({ what: "unauthenticated" });
  });

  test("is read behind long headers, and whatever it says about the body", async () => {
    const long = `X-Long: ${"x".repeat(70_000)}\n`;
    expect(await event(`${long}X-Holdfast-Loop: abc\n`)).toMatchObject({ what: "automatic" });
    const folded = "Content-Type:\n multipart/report; boundary=b\n";
    expect(await event(folded)).toMatchObject({ what: "automatic" });
    const picture = "MIME-Version: 1.0\nContent-Type: image/png\nContent-ID: <x>\n";
    expect(await event(picture)).toMatchObject({ type: "message", media: [] });
  });
});

describe("automatic mail", () => {
  test.each([
    "Auto-Submitted: auto-replied",
    "Auto-Submitted: auto-generated; x=y",
    "Precedence: bulk",
    "Precedence: list",
    "Precedence: junk",
    "Precedence: auto_reply",
    "Precedence: auto-reply",
    "X-Autoreply: yes",
    "X-Auto-Reply: yes",
    "X-Autoreply-From: ada@example.net",
    "X-Autorespond: away",
    "X-Autoresponse: yes",
    "X-Loop: ada@example.net",
    "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent",
    "List-Id: <list.example.net>",
    "Return-Path: <>",
    "X-Holdfast-Loop: abc",
    "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
  ])("is known by %s, also when only the head is read", async (header) => {
    const automatic = { type: "ignored", what: "automatic" };
    const source = `${header}\n${head}\nHi\n`;
    expect(await read(source)).toEqual(automatic);
    expect(mailEvent(await readHead(Buffer.from(source), true, "So"), place, self)).toEqual(
      automatic,
    );
  });

  test.each([
    "MAILER-DAEMON@mx.example.net",
    "postmaster@example.net",
    "no-reply@shop.example",
    "no-reply+abc@shop.example",
    "do_not_reply@shop.example",
    "bounces@shop.example",
  ])("is known by its sender %s", async (from) => {
    expect(await read(`From: ${from}\n\nHi\n`)).toEqual({ type: "ignored", what: "automatic" });
  });

  test("is not what a person wrote", async () => {
    for (const header of [
      "Auto-Submitted: no",
      "Precedence: first-class",
      "X-Auto-Response-Suppress: All",
      "X-Auto-Response-Suppress: DR, OOF, AutoReply",
      "Return-Path: <ada@example.net>",
    ]) {
      expect(await read(`${header}\n${head}\nHi\n`)).toMatchObject({ type: "message" });
    }
  });

  test("is not known by a sender whose name only begins alike", async () => {
    for (const from of ["postmaster-ada@example.net", "bouncer@example.net"]) {
      expect(await read(`From: ${from}\n\nHi\n`)).toMatchObject({ type: "message" });
    }
  });

  test("of the account itself is its own", async () => {
    const own = { type: "ignored", what: "own_message" };
    expect(await read("From: Agent@example.org\n\nHi\n")).toEqual(own);
    expect(
      await read("From: ada@example.net\nMessage-ID: <holdfast.k1@example.org>\n\nHi\n"),
    ).toEqual(own);
  });

  test("that says a foreign mail came back is no receipt", async () => {
    const report = (id: string, action = "failed") =>
      `From: mailer-daemon@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ada@example.net\nAction: ${action}\nStatus: 5.1.1\n\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <${id}>\nSubject: x\n\nbody\n--b--\n`;
    expect(await read(report("1@other.example"))).toEqual({ type: "ignored", what: "automatic" });
    const own = "holdfast.k1.t-AAAAAAAAAAAAAAAAAAAAAA@example.org";
    expect(await read(report(own, "Failed (unknown user)"))).toMatchObject({ type: "receipt" });
    expect(await read(report(own, "delayed"))).toEqual({ type: "ignored", what: "automatic" });
    expect(await read(report(own))).toMatchObject({
      type: "receipt",
      key: "k1",
      chat: { id: "ada@example.net", thread: "AAAAAAAAAAAAAAAAAAAAAA" },
    });
  });
});

describe("event ids and threads", () => {
  test("come from the Message-ID, wherever the mail lies", async () => {
    const event = await message(`${head}\nHi\n`);
    const other = mailEvent(
      await readMail(Buffer.from(`X: y\r\n${head}\r\nHi\r\n`), true),
      { ...place, uidValidity: "8", uid: 99, receivedAt: 5, sourceHash: "other" },
      self,
    );
    expect(other).toMatchObject({ eventId: event.eventId });
  });

  test("long and strange Message-IDs make ids of ordinary letters", async () => {
    const { chat, eventId } = await message(
      `From: a@b.example\nMessage-ID: <${"ü/".repeat(300)}@x>\nReferences: <${"y".repeat(300)}@x>\n\nHi\n`,
    );
    expect(`${eventId}${chat.thread}`).toMatch(/^[A-Za-z0-9._-]{1,60}$/);
  });

  test("are one thread by References, by In-Reply-To, and for the first mail itself", async () => {
    const first = await message(`${head}\nHi\n`);
    const second = await message(
      `From: ada@example.net\nMessage-ID: <2@x>\nIn-Reply-To: <1@example.net>\n\nHi\n`,
    );
    const third = await message(
      `From: ada@example.net\nMessage-ID: <3@x>\nIn-Reply-To: <2@x>\nReferences: <1@example.net>\n\t<2@x>\n\nHi\n`,
    );
    expect(second.chat).toEqual(first.chat);
    expect(third.chat).toEqual(first.chat);
  });
});
