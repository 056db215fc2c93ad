import type { InboundMessageEvent, PieceSend, SendOutcome } from "@holdfast/core";
import { type FakeEmail, startFakeEmail } from "@holdfast/testkit/platforms";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { email } from "./index.ts";
import { openMailAccount, Receiver } from "./testing/mail-account.ts";

let fake: FakeEmail;
const open: { account: { close?(): Promise<void> } }[] = [];
let keys = 0;

beforeAll(async () => {
  fake = await startFakeEmail({ subject: "Offer\u00e9" });
});

afterEach(async () => {
  fake.onSmtp = undefined;
  fake.faults = {};
  for (const { account } of open.splice(0)) await account.close?.();
});

afterAll(async () => {
  await fake.close();
});

function account(change?: (settings: any) => unknown) {
  const opened = openMailAccount(fake, change);
  open.push(opened);
  return opened.account;
}

async function send(
  change: Partial<PieceSend> = {},
  from = account(),
  text = "**Hello** there",
): Promise<SendOutcome> {
  const [piece] = from.render(text);
  if (piece === undefined) throw new Error("Nothing was rendered.");
  keys += 1;
  return from.send(
    {
      piece,
      chat: { kind: "direct", id: "ada@people.example.org" },
      key: `key-${keys}`,
      ...change,
    },
    AbortSignal.timeout(20_000),
  );
}

function raw(chat = "ada"): string {
  return String(fake.shown(chat).at(-1)?.raw);
}

describe("a mail", () => {
  test("has no longer text than the channel promises: more is several mails", () => {
    const pieces = account().render("word ".repeat(250_000));
    expect(pieces.length).toBe(2);
    for (const { text, body } of pieces) {
      expect(text.length).toBeLessThanOrEqual(email.capabilities.text.max);
      expect(body).toMatchObject({ text });
    }
  });

  test("has a Message-ID made of its key, marks against loops, text and HTML", async () => {
    const outcome = await send({ key: "abc.D_1-2" });
    expect(outcome).toEqual({ outcome: "sent", platformId: "holdfast.abc.D_1-2@example.org" });
    expect(fake.shown("ada").at(-1)?.text).toBe("Hello there");
    expect(raw()).toMatch(/^Message-ID: <holdfast\.abc\.D_1-2@example\.org>\r$/m);
    expect(raw()).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(raw()).toMatch(/^X-Holdfast-Loop: \S{22}\r$/im);
    expect(raw()).toMatch(/^Subject: Re: your message\r$/m);
    expect(raw()).toMatch(/multipart\/alternative/);
    expect(raw()).toContain("<strong>Hello</strong>");
  });

  test("answers in the thread, with its subject, also when nothing is remembered", async () => {
    const receiver = new Receiver();
    const first = account();
    const run = await receiver.start(first);
    fake.say({ chat: "bo", text: "one" });
    fake.say({ chat: "bo", text: "two" });
    await receiver.until((events) => events.length === 2);
    await fake.settled();
    await run.stop();
    const [one, two] = receiver.events as [InboundMessageEvent, InboundMessageEvent];
    expect(one.text).toBe("Subject: Offer\u00e9\n\none");
    expect(two.text).toBe("two");
    for (const from of [first, account()]) {
      const outcome = await send({ chat: two.chat, replyTo: two.messageId }, from);
      expect(outcome.outcome).toBe("sent");
      expect(raw("bo")).toMatch(/^Auto-Submitted: auto-replied\r$/m);
      expect(raw("bo")).toContain(`In-Reply-To: <${two.messageId}>`);
      expect(raw("bo")).toContain(`References: <${one.messageId}>`);
      expect(raw("bo")).toMatch(/^Subject: =\?UTF-8\?Q\?Re=3A_Offer=C3=A9\?=\r$/im);
    }
  });

  test("stays in its conversation when an answer names nothing but the last mail", async () => {
    const receiver = new Receiver();
    const from = account();
    const run = await receiver.start(from);
    fake.say({ chat: "cy", text: "one" });
    await receiver.until((events) => events.length === 1);
    const [one] = receiver.events as [InboundMessageEvent];
    const outcome = await send({ chat: one.chat, replyTo: one.messageId }, from);
    const id = outcome.outcome === "sent" ? outcome.platformId : "";
    await fake.deliver(
      `From: cy@people.example.org\r\nMessage-ID: <x@phone.example>\r\nIn-Reply-To: <${id}>\r\n\r\ntwo\r\n`,
    );
    await receiver.until((events) => events.length === 2);
    await run.stop();
    expect((receiver.events[1] as InboundMessageEvent).chat).toEqual(one.chat);
  });

  test("cannot be given headers by what people wrote", async () => {
    const from = account();
    const [piece] = from.render("x");
    if (piece === undefined) throw new Error("Nothing was rendered.");
    const outcomes = [
      await send({ replyTo: "a@b>\r\nBcc: eve@example.net" }, from),
      await send(
        { chat: { kind: "direct", id: "ada@x.example>\r\nRCPT TO:<eve@example.net" } },
        from,
      ),
      await send({ chat: { kind: "direct", id: "ada@x.example, eve@example.net" } }, from),
    ];
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["sent", "failed", "failed"]);
    expect(raw()).not.toContain("eve@");
    expect(fake.violations).toEqual([]);
  });

  test("over the answers of an hour waits", async () => {
    const from = account((settings) => ({ ...settings, answersPerHour: 2 }));
    expect((await send({}, from)).outcome).toBe("sent");
    expect((await send({}, from)).outcome).toBe("sent");
    expect(await send({}, from)).toMatchObject({ outcome: "retry", scope: "chat" });
    const other = { kind: "direct", id: "bo@people.example.org" } as const;
    expect((await send({ chat: other }, from)).outcome).toBe("sent");
  });
});

describe("the outcome", () => {
  const refused = (code: number, text: string) => ({ code, text });

  test.each([
    [
      "450 at RCPT",
      "rcpt",
      refused(450, "4.7.1 Greylisted, try again in 5 minutes"),
      { outcome: "retry", afterMs: 300_000, scope: "chat" },
    ],
    [
      "421 at MAIL",
      "mail",
      refused(421, "4.3.2 Shutting down"),
      { outcome: "retry", scope: "account" },
    ],
    [
      "454 at the login",
      "login",
      refused(454, "4.7.0 Temporary"),
      { outcome: "retry", scope: "account" },
    ],
    ["550 at RCPT", "rcpt", refused(550, "5.1.1 Unknown"), { outcome: "failed" }],
    ["552 at MAIL", "mail", refused(552, "5.3.4 Too large"), { outcome: "failed" }],
    ["554 after the dot", "dot", refused(554, "5.7.1 Spam"), { outcome: "failed" }],
    [
      "a day's quota at MAIL",
      "mail",
      refused(550, "5.4.5 Daily user sending limit exceeded. For more information, see limits"),
      { outcome: "retry", afterMs: 3_600_000, scope: "account" },
    ],
    [
      "a quota after the dot",
      "dot",
      refused(554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed"),
      { outcome: "retry", afterMs: 3_600_000, scope: "account" },
    ],
    [
      "a recipient's full mailbox",
      "dot",
      refused(554, "5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException"),
      { outcome: "failed" },
    ],
    ["451 after the dot", "dot", refused(451, "4.3.0 Later"), { outcome: "retry" }],
    ["535 at the login", "login", refused(535, "5.7.8 No"), { outcome: "unauthorized" }],
    ["a cut at the login", "login", "cut", { outcome: "retry" }],
    ["a cut at MAIL", "mail", "cut", { outcome: "retry" }],
    ["a cut at RCPT", "rcpt", "cut", { outcome: "retry" }],
    ["a cut after the dot", "dot", "cut", { outcome: "unknown" }],
    ["a cut after the mail was kept", "dot", "keep-cut", { outcome: "unknown" }],
  ] as const)("of %s", async (_, moment, fault, expected) => {
    fake.onSmtp = (at) => (at === moment ? fault : undefined);
    const before = fake.shown("ada").length;
    expect(await send()).toMatchObject(expected);
    expect(fake.shown("ada").length - before).toBe(fault === "keep-cut" ? 1 : 0);
  });

  test("of a cut in the middle of a mail is retry: the dot was never written", async () => {
    fake.onSmtp = (at) => (at === "content" ? "cut" : undefined);
    expect(await send({}, account(), "word ".repeat(2_000_000))).toMatchObject({
      outcome: "retry",
    });
    expect(fake.violations).toEqual([]);
  });

  test("of a blocked chat is failed", async () => {
    fake.block("gone");
    const chat = { kind: "direct", id: "gone@people.example.org" } as const;
    expect(await send({ chat })).toMatchObject({ outcome: "failed" });
  });

  test("of tries under faults: what is repeated never appears twice", async () => {
    fake.faults = { tooMany: 0.2, serverError: 0.2, lostAnswer: 0.2 };
    const from = account();
    const chat = { kind: "direct", id: "chaos@people.example.org" } as const;
    const ended = new Map<string, string>();
    for (let mail = 0; mail < 20; mail += 1) {
      const key = `chaos-${mail}`;
      let outcome = await send({ chat, key }, from);
      while (outcome.outcome === "retry") outcome = await send({ chat, key }, from);
      ended.set(`holdfast.${key}@example.org`, outcome.outcome);
    }
    const seen = fake.shown("chaos").map(({ platformId }) => platformId);
    expect(new Set(seen).size).toBe(seen.length);
    expect(new Set(ended.values())).toEqual(new Set(["sent", "unknown"]));
    // The fake keeps a mail before it loses the answer.
    expect(new Set(seen)).toEqual(new Set(ended.keys()));
    expect(fake.violations).toEqual([]);
  });

  test("of a server that is not there, or has another certificate, is retry", async () => {
    const gone = account((settings) => ({ ...settings, smtp: { ...settings.smtp, port: 1 } }));
    expect(await send({}, gone)).toMatchObject({ outcome: "retry", scope: "account" });
    const stranger = account(({ tls, ...settings }) => settings);
    expect(await send({}, stranger)).toMatchObject({ outcome: "retry", scope: "account" });
  });

  test("of an abort is retry before the mail was written and unknown after", async () => {
    const stop = new AbortController();
    const from = account();
    const [piece] = from.render("x");
    if (piece === undefined) throw new Error("Nothing was rendered.");
    const sent = {
      piece,
      chat: { kind: "direct", id: "ada@people.example.org" },
      key: "stop",
    } as const;
    stop.abort();
    expect(await from.send(sent, stop.signal)).toMatchObject({ outcome: "retry" });
    const late = new AbortController();
    fake.onSmtp = (at) => {
      if (at === "dot") late.abort();
      return undefined;
    };
    expect(await from.send(sent, late.signal)).toMatchObject({ outcome: "unknown" });
  });

  test("of many at once: few connections, no mail twice", async () => {
    const from = account();
    const chat = { kind: "direct", id: "many@people.example.org" } as const;
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => send({ chat }, from)));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["sent"]));
    expect(new Set(fake.shown("many").map(({ platformId }) => platformId)).size).toBe(12);
  });
});

describe("the check", () => {
  const check = (change?: (settings: any) => unknown) =>
    account(change).check(AbortSignal.timeout(20_000));

  test("logs in to both servers", async () => {
    expect(await check()).toMatchObject({ ok: true, identity: "agent@example.org" });
  });

  test("says which server refuses what", async () => {
    const refusals = await Promise.all([
      check((settings) => ({ ...settings, imap: { ...settings.imap, mailbox: "Nowhere" } })),
      check((settings) => ({ ...settings, imap: { ...settings.imap, user: "eve" } })),
      check((settings) => ({ ...settings, smtp: { ...settings.smtp, user: "eve" } })),
      check(({ tls, ...settings }) => settings),
      check((settings) => ({ ...settings, smtp: { ...settings.smtp, port: 1 } })),
    ]);
    expect(refusals.map(({ ok }) => ok)).toEqual([false, false, false, false, false]);
    const said = refusals.map(({ findings }) => findings.join(" "));
    expect(said[0]).toContain("The mailbox Nowhere cannot be opened");
    expect(said[1]).toContain("refuses the account's user or password (IMAP)");
    expect(said[2]).toContain("refuses the account's user or password (SMTP)");
    expect(said[3]).toContain("certificate is refused");
    expect(said[4]).toContain("ECONNREFUSED");
    expect(said.join(" ")).not.toContain("correct horse");
  });

  test.each(["starttls", "plain"] as const)("works with %s", async (security) => {
    const other = await startFakeEmail({ security });
    const { account: opened } = openMailAccount(other);
    expect(await opened.check(AbortSignal.timeout(20_000))).toMatchObject({ ok: true });
    await other.close();
  });
});

test("revoked credentials make sends unauthorized until they work again", async () => {
  fake.revoke(true);
  expect(await send()).toMatchObject({ outcome: "unauthorized" });
  fake.revoke(false);
  expect(await send()).toMatchObject({ outcome: "sent" });
});
