import { HoldfastError, type InboundMessageEvent } from "@holdfast/core";
import { type FakeEmail, startFakeEmail } from "@holdfast/testkit/platforms";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { emailLimits } from "./limits.ts";
import { mailReader } from "./mail-reader.ts";
import { openMailAccount, Receiver } from "./testing/mail-account.ts";

let fake: FakeEmail;
let running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  fake = await startFakeEmail();
});

afterEach(async () => {
  await Promise.all(running.map((one) => one.stop()));
  running = [];
  fake.faults = {};
});

afterAll(async () => {
  await fake.close();
});

async function start(receiver: Receiver, change?: (settings: any) => unknown) {
  const { account, reports, pausesMs } = openMailAccount(fake, change);
  const run = await receiver.start(account);
  running.push(run);
  return { account, reports, pausesMs, run };
}

describe("receiving mail", () => {
  test("hands mails over in their order, as one conversation for each thread", async () => {
    const receiver = new Receiver();
    await start(receiver);
    for (const text of ["one", "two", "three"]) fake.say({ chat: "ada", text });
    fake.say({ chat: "bo", text: "other", senderName: 'Bo "<b>" Ü' });
    await fake.settled();
    const messages = receiver.events as InboundMessageEvent[];
    expect(receiver.texts).toEqual(["one", "two", "three", "other"]);
    expect(new Set(messages.slice(0, 3).map(({ chat }) => chat.thread)).size).toBe(1);
    expect(messages[3]?.chat.thread).not.toBe(messages[0]?.chat.thread);
    expect(messages[0]).toMatchObject({
      type: "message",
      chat: { kind: "direct", id: "ada@people.example.org" },
      sender: { id: "ada@people.example.org", isBot: false },
      mentionsAccount: true,
      media: [],
    });
    expect(messages[3]?.sender.name).toBe('Bo "<b>" Ü');
  });

  test("mails that cost much cost it in another thread, and those behind come in their order", async () => {
    const receiver = new Receiver();
    await start(receiver);
    const [all, own] = [process.cpuUsage(), process.threadCpuUsage()];
    const costly = (id: number, rest: string) =>
      fake.deliver(`From: eve@example.net\r\nMessage-ID: <costly-${id}@x>\r\n${rest}`);
    await fake.deliver(mail({ subject: "First" }));
    await receiver.until(() => receiver.texts.length === 1);
    await costly(1, `Content-Type: text/html\r\n\r\n${"<b>ab </b>".repeat(100_000)}`);
    await costly(2, `\r\nlines${"\r\n".repeat(100_000)}`);
    await fake.deliver(mail({ subject: "Last" }));
    await receiver.until(() => receiver.texts.length === 4);
    await fake.settled();
    const begins = receiver.texts.map((text) => text.slice(0, 14));
    expect(begins).toEqual(["Subject: First", "ab ab ab ab ab", "lines", "Subject: Last\n"]);
    // Of the user's time; the kernel's is that of the fake's connections, too.
    expect(2 * process.threadCpuUsage(own).user).toBeLessThan(process.cpuUsage(all).user);
  });

  test("goes on behind the cursor after a stop", async () => {
    const receiver = new Receiver();
    const first = await start(receiver);
    fake.say({ chat: "ada", text: "one" });
    await receiver.until((events) => events.length === 1);
    await fake.settled();
    await first.run.stop();
    fake.say({ chat: "ada", text: "two" });
    await start(receiver);
    await receiver.until(() => receiver.texts.includes("two"));
    // The stop may have come before the cursor was kept: then the first comes again.
    expect(new Set(receiver.texts)).toEqual(new Set(["one", "two"]));
  });

  test("connections that break after each mail are made anew without ever longer pauses", async () => {
    const receiver = new Receiver();
    await start(receiver);
    const begin = performance.now();
    for (const text of Array.from({ length: 8 }, (_, number) => `mail ${number}`)) {
      fake.say({ chat: "ada", text });
      await receiver.until(() => receiver.texts.includes(text));
      await fake.settled();
      fake.cut();
    }
    // Pauses that double would add up to more than twice as much.
    expect(performance.now() - begin).toBeLessThan(4_000);
  });

  test("a mail that arrives twice has the same event id", async () => {
    fake.faults = { duplicate: 1 };
    const receiver = new Receiver();
    await start(receiver);
    fake.say({ chat: "ada", text: "twice" });
    await receiver.until((events) => events.length === 2);
    const [first, second] = receiver.events as InboundMessageEvent[];
    expect(first?.eventId).toBe(second?.eventId);
  });

  test("a mail without a Message-ID keeps its event id", async () => {
    const receiver = new Receiver();
    await start(receiver);
    receiver.failures.push(new HoldfastError("engine_unavailable", "Not now."));
    await fake.deliver("From: ada@example.net\r\nSubject: No id\r\n\r\nHello\r\n");
    await receiver.until((events) => events.length === 1);
    expect(receiver.events[0]).toMatchObject({ text: "Subject: No id\n\nHello" });
  });

  test("what could not be made durable comes again, over a new connection", async () => {
    const before = fake.imapConnections;
    const receiver = new Receiver();
    const { reports } = await start(receiver);
    receiver.failures.push(new HoldfastError("engine_unavailable", "Not now."));
    fake.say({ chat: "ada", text: "again" });
    await receiver.until((events) => events.length === 1);
    expect(receiver.texts).toEqual(["again"]);
    expect(reports.map(({ code }) => code)).toEqual(["engine_unavailable"]);
    expect(fake.imapConnections - before).toBe(2);
  });

  test("survives cut connections without loss", async () => {
    const receiver = new Receiver();
    await start(receiver);
    fake.say({ chat: "ada", text: "one" });
    await receiver.until((events) => events.length === 1);
    fake.cut();
    fake.say({ chat: "ada", text: "two" });
    await fake.settled();
    expect(new Set(receiver.texts)).toEqual(new Set(["one", "two"]));
  });

  test("finds its place again when the mailbox is numbered anew", async () => {
    const receiver = new Receiver();
    const { reports } = await start(receiver);
    fake.say({ chat: "dee", text: "dee one" });
    await receiver.until((events) => events.length === 1);
    await fake.settled();
    await fake.renumber();
    fake.say({ chat: "dee", text: "dee two" });
    await receiver.until(() => receiver.texts.includes("dee two"));
    // The first came again under its new number.
    const ids = receiver.events.flatMap((event) =>
      event.type === "message" && event.text.startsWith("dee") ? [event.eventId] : [],
    );
    expect(ids.length).toBeGreaterThanOrEqual(3);
    expect(new Set(ids).size).toBe(2);
    expect(reports.some(({ message }) => message.includes("anew"))).toBe(true);
  });

  test("a mailbox that is numbered anew at each connection is connected to ever less often", async () => {
    const receiver = new Receiver();
    const { pausesMs } = await start(receiver);
    fake.say({ chat: "ada", text: "again and again" });
    await fake.settled();
    for (let number = 0; number < 6; number += 1) {
      const before = receiver.cursor;
      await fake.renumber();
      await receiver.until(() => receiver.cursor !== before);
    }
    // Longer ones are those until the mailbox is asked again.
    const reconnects = pausesMs.filter((pauseMs) => pauseMs < emailLimits.pollMs);
    expect(Math.max(...reconnects)).toBeGreaterThan(5 * emailLimits.reconnectMinMs);
  });

  test("revoked credentials end it with account_unauthorized", async () => {
    const receiver = new Receiver();
    const { run } = await start(receiver);
    running = [];
    fake.revoke(true);
    await expect(run.ended).rejects.toMatchObject({ code: "account_unauthorized" });
    fake.revoke(false);
  });

  test("ends within a second of the abort, while idle and while nobody answers", async () => {
    const { run } = await start(new Receiver());
    running = [];
    const begin = performance.now();
    await run.stop();
    expect(performance.now() - begin).toBeLessThan(1_000);
  });

  test("what is automatic is ignored, a mail that came back fails the one that was sent", async () => {
    const receiver = new Receiver();
    const { account } = await start(receiver);
    fake.say({ chat: "robot", text: "beep", isBot: true });
    fake.say({ chat: "ada", text: "hello" });
    await receiver.until((events) => events.length === 2);
    const message = receiver.events[1] as InboundMessageEvent;
    const [piece] = account.render("Hi");
    if (piece === undefined) throw new Error("Nothing was rendered.");
    const outcome = await account.send(
      { piece, chat: message.chat, key: "k-1.2_3", replyTo: message.messageId },
      AbortSignal.timeout(5_000),
    );
    const platformId = outcome.outcome === "sent" ? outcome.platformId : "";
    await fake.bounce("ada", platformId, "delayed");
    await fake.bounce("ada", platformId, "failed");
    await receiver.until((events) => events.length === 4);
    expect(receiver.events[0]).toEqual({ type: "ignored", what: "automatic" });
    expect(receiver.events[2]).toEqual({ type: "ignored", what: "automatic" });
    expect(receiver.events[3]).toMatchObject({
      type: "receipt",
      state: "failed",
      key: "k-1.2_3",
      messageId: platformId,
      chat: message.chat,
      reason: expect.stringContaining("5.1.1"),
    });
    await account.close?.();
  });
});

describe("files", () => {
  const picture = Buffer.alloc(5_000, 7);

  test("come again from the mailbox, also after it was numbered anew", async () => {
    const receiver = new Receiver();
    const { account } = await start(receiver);
    await fake.deliver(
      mail({ attachment: { name: "plan ü.png", type: "image/png", data: picture } }),
    );
    await receiver.until((events) => events.length === 1);
    const [media] = (receiver.events[0] as InboundMessageEvent).media;
    if (media === undefined) throw new Error("No media came.");
    expect(media).toMatchObject({
      kind: "image",
      name: "plan ü.png",
      mime: "image/png",
      bytes: 5_000,
    });
    const signal = AbortSignal.timeout(10_000);
    const fetched = await account.fetchMedia?.(media, signal);
    expect(Buffer.from(fetched?.data ?? []).equals(picture)).toBe(true);
    await fake.renumber();
    const again = await account.fetchMedia?.(media, signal);
    expect(Buffer.from(again?.data ?? []).equals(picture)).toBe(true);
  });

  test("may wait for other files and mails: only the look into the mailbox is timed", async () => {
    const receiver = new Receiver();
    const { account } = await start(receiver);
    const attachment = { name: "plan.png", type: "image/png", data: picture };
    await fake.deliver(mail({ attachment }));
    await receiver.until((events) => events.length === 1);
    const [media] = (receiver.events[0] as InboundMessageEvent).media;
    if (media === undefined) throw new Error("No media came.");
    const stop = new AbortController();
    const timers: AbortController[] = [];
    const timeout = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => {
      const timer = new AbortController();
      timers.push(timer);
      return timer.signal;
    });
    const read = mailReader.read.bind(mailReader);
    const reading = vi.spyOn(mailReader, "read").mockImplementation((...task) => {
      for (const timer of timers) timer.abort();
      return read(...task);
    });
    try {
      const files = Array.from({ length: emailLimits.readers + 1 }, () =>
        Promise.resolve(account.fetchMedia?.(media, stop.signal)),
      );
      // The third has no turn yet. Those that look into the mailbox while one is read are stopped there.
      const timed = timers.length;
      const ended = await Promise.allSettled(files);
      expect(timed).toBeLessThanOrEqual(emailLimits.readers);
      expect(ended.map(({ status }) => status)).toContain("fulfilled");
    } finally {
      timeout.mockRestore();
      reading.mockRestore();
    }
  });

  test("of types that are not taken are refused, and so is a source of another kind", async () => {
    const receiver = new Receiver();
    const { account } = await start(receiver);
    await fake.deliver(
      mail({ attachment: { name: "a.exe", type: "application/x-msdownload", data: picture } }),
    );
    await receiver.until((events) => events.length === 1);
    const [media] = (receiver.events[0] as InboundMessageEvent).media;
    if (media === undefined) throw new Error("No media came.");
    const signal = AbortSignal.timeout(10_000);
    await expect(account.fetchMedia?.(media, signal)).rejects.toMatchObject({
      code: "media_refused",
    });
    await expect(
      account.fetchMedia?.({ kind: "file", source: "http://127.0.0.1/" }, signal),
    ).rejects.toMatchObject({ code: "media_refused" });
  });
});

test("a server without IDLE is asked", async () => {
  const other = await startFakeEmail({ hasIdle: false, security: "starttls" });
  const { account } = openMailAccount(other);
  const receiver = new Receiver();
  const run = await receiver.start(account);
  other.say({ chat: "ada", text: "one" });
  await receiver.until((events) => events.length === 1);
  other.say({ chat: "ada", text: "two" });
  await other.settled();
  await run.stop();
  expect(receiver.texts).toEqual(["one", "two"]);
  await other.close();
});

describe("the ends", () => {
  test("ends when the account has another owner", async () => {
    const receiver = new Receiver();
    const { run } = await start(receiver);
    receiver.failures.push(new HoldfastError("ownership_lost", "Another node owns it."));
    running = [];
    fake.say({ chat: "ada", text: "hello" });
    await expect(run.ended).rejects.toMatchObject({ code: "ownership_lost" });
  });

  test("does not answer what lay in the mailbox before the account's first start", async () => {
    await fake.deliver(mail({ subject: "Old" }));
    const receiver = new Receiver();
    await start(receiver);
    await fake.deliver(mail({ subject: "New" }));
    await receiver.until((events) => events.length > 0);
    expect(receiver.texts).toEqual(["Subject: New\n\nSee the file."]);
  });
});

interface TestMail {
  readonly subject?: string;
  readonly attachment?: { readonly name: string; readonly type: string; readonly data: Buffer };
}

let count = 0;

function mail({ subject = "Hello", attachment }: TestMail): string {
  count += 1;
  const file =
    attachment === undefined
      ? []
      : [
          "--b1",
          `Content-Type: ${attachment.type}; name="=?utf-8?B?${Buffer.from(attachment.name).toString("base64")}?="`,
          "Content-Transfer-Encoding: base64",
          "Content-Disposition: attachment",
          "",
          attachment.data.toString("base64").replace(/(.{76})/g, "$1\r\n"),
        ];
  return [
    "From: Ada <ada@example.net>",
    "To: agent@example.org",
    `Subject: ${subject}`,
    `Message-ID: <${count}@example.net>`,
    "Date: Mon, 02 Mar 2026 10:00:00 +0000",
    'Content-Type: multipart/mixed; boundary="b1"',
    "",
    "--b1",
    "Content-Type: text/plain",
    "",
    "See the file.",
    ...file,
    "--b1--",
    "",
  ].join("\r\n");
}
