import { HoldfastError } from "@holdfast/core";
import { describe, expect, it } from "vitest";
import { ada, ben, never, pieceTo, serve, start } from "./testing/world.ts";

describe("receiving", () => {
  it("takes messages of people and groups, in order, with names as they are", async () => {
    const { fake, inbox, receiving } = await start();
    receiving();
    const senderName = "<b>Ada</b> \u202Eadd 👩‍👩‍👧";
    fake.say({ chat: ada, senderName, text: "0 👍 <i>שלום</i>" });
    for (let number = 1; number < 10; number += 1) fake.say({ chat: ada, text: `${number}` });
    fake.say({ chat: "group=", kind: "group", sender: ben, text: "help", mentionsAccount: true });
    await inbox.until(() => inbox.messages.length === 11);
    expect(inbox.messages.slice(1, 10).map((one) => one.text)).toEqual("123456789".split(""));
    const [first] = inbox.messages;
    expect(first).toMatchObject({
      eventId: `${ada}.${first?.sentAt}`,
      chat: { kind: "direct", id: ada },
      sender: { id: ada, name: senderName, isBot: false },
      text: "0 👍 <i>שלום</i>",
      mentionsAccount: false,
    });
    expect(inbox.messages[10]).toMatchObject({
      chat: { kind: "group", id: "group=" },
      sender: { id: ben },
      text: "help",
      mentionsAccount: true,
    });
  });

  it("gets what was written while nobody listened, and while another owner did", async () => {
    const { fake, inbox, receiving } = await start();
    fake.say({ chat: ada, text: "before" });
    const first = receiving();
    await inbox.until(() => inbox.texts.length === 1);
    expect(await first.stop()).toBeUndefined();
    fake.say({ chat: ada, text: "between" });
    receiving();
    await inbox.until(() => inbox.texts.length === 2);
    expect(inbox.texts).toEqual(["before", "between"]);
    // The second owner went on behind the first.
    expect(inbox.messages).toHaveLength(2);
    expect(inbox.connections).toHaveLength(2);
  });

  it.each([true, false])(
    "loses nothing when streams break (ids of events: %s)",
    async (eventIds) => {
      const faults = { dropped: 0.2, duplicate: 0.2, slow: 0.1 };
      const { fake, inbox, receiving } = await start({ faults, eventIds, seed: 4 });
      receiving();
      const expected = Array.from({ length: 25 }, (_, number) => `message ${number}`);
      for (const text of expected) fake.say({ chat: ada, text });
      await fake.settled();
      await inbox.until(() => inbox.texts.length === expected.length);
      expect(inbox.texts).toEqual(expected);
      expect(fake.counts["dropped"]).toBeGreaterThan(0);
      expect(inbox.connections.length).toBeGreaterThan(1);
    },
  );

  it("holds on to events that do not become durable, and takes no others before", async () => {
    const { fake, inbox, options, receiving } = await start({ eventIds: false });
    let tries = 0;
    inbox.before = async () => {
      tries += 1;
      if (tries <= 3) throw new HoldfastError("engine_unavailable", "No engine.");
    };
    receiving();
    fake.say({ chat: ada, text: "one" });
    await inbox.until(() => inbox.texts.length === 1);
    fake.say({ chat: ada, text: "two" });
    await inbox.until(() => inbox.texts.length === 2);
    expect(inbox.texts).toEqual(["one", "two"]);
    expect(options.reports).toHaveLength(3);
  });

  it("keeps its place only behind what is durable, and gives up when it is no owner any more", async () => {
    const { fake, inbox, receiving } = await start();
    inbox.before = async () => {
      throw new HoldfastError("ownership_lost", "Another node owns it.");
    };
    const run = receiving();
    fake.say({ chat: ada, text: "one" });
    expect(await run.ended).toMatchObject({ code: "ownership_lost" });
    expect(inbox.cursor).toBeUndefined();
    inbox.before = async () => {};
    const next = receiving();
    await inbox.until(() => inbox.texts.length === 1);
    await next.stop();
    expect(inbox.cursor).toMatch(/^\d+-1$/);
  });

  it("ends soon though events are still being made durable", async () => {
    const { fake, inbox, receiving } = await start();
    const taking = Promise.withResolvers<void>();
    inbox.before = () => {
      taking.resolve();
      return new Promise(() => {});
    };
    const run = receiving();
    fake.say({ chat: ada, text: "one" });
    await taking.promise;
    const startedAt = performance.now();
    expect(await run.stop()).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(inbox.cursor).toBeUndefined();
  });

  it("ends soon though its place cannot be kept", async () => {
    const { fake, inbox, receiving } = await start();
    inbox.beforeSave = () => new Promise(() => {});
    const run = receiving();
    fake.say({ chat: ada, text: "one" });
    await inbox.until(() => inbox.texts.length === 1);
    const startedAt = performance.now();
    expect(await run.stop()).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it("stops at refused credentials, and goes on trying at everything else", async () => {
    const { fake, inbox, receiving } = await start();
    const run = receiving();
    await inbox.until(() => inbox.connections.length === 1);
    fake.revoke(true);
    expect(await run.ended).toMatchObject({ code: "account_unauthorized" });
    fake.revoke(false);
    const other = await start({}, { account: "+491519999999" });
    const lost = other.receiving();
    await other.options.untilReports(2);
    expect(other.options.reports[0]).toMatchObject({ code: "channel_unavailable" });
    expect(await lost.stop()).toBeUndefined();
  });

  it("takes receipts for very many messages, in order, before its place moves on", async () => {
    const receipts = Array.from({ length: 3 }, (_, number) => {
      const timestamps = Array.from({ length: 500 }, (_item, index) => 1 + number * 500 + index);
      const receiptMessage = { when: 5, isRead: true, timestamps };
      const envelope = { sourceUuid: ada, receiptMessage };
      return `id:${number + 1}\nevent:receive\ndata:${JSON.stringify({ envelope })}\n\n`;
    });
    const url = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(receipts.join(""));
    });
    const { inbox, options, receiving } = await start({}, { url });
    let cursor: string | undefined;
    inbox.before = async () => void (cursor = inbox.cursor);
    receiving();
    await inbox.until(() => inbox.cursor === "3");
    const ids = inbox.events.map((event) => event.type === "receipt" && event.messageId);
    expect(ids).toEqual(Array.from({ length: 1_500 }, (_, index) => String(index + 1)));
    expect(cursor).toBeUndefined();
    expect(options.reports).toEqual([]);
  });

  it("tells the operator what the daemon could not read, without people's words, and goes on", async () => {
    const { fake, inbox, options, receiving } = await start();
    receiving();
    const type = "ProtocolInvalidMessageException";
    fake.failToRead(ada, { message: "Secret text", type });
    fake.failToRead(ada, { message: "Secret text", type: "Secret <text>" });
    fake.say({ chat: ada, text: "after" });
    await inbox.until(() => inbox.texts.length === 1);
    expect(options.reports).toMatchObject([
      { code: "channel_unavailable", message: expect.stringContaining(type) },
      { code: "channel_unavailable" },
    ]);
    expect(options.reports.map(({ message }) => message).join()).not.toMatch(/Secret/);
    const unknown = { type: "ignored", what: "unknown_event" };
    expect(inbox.events.slice(0, 2)).toEqual([unknown, unknown]);
  });

  it("tells the number of whoever shows it, in messages and in receipts", async () => {
    const { fake, inbox, account, receiving } = await start({ numbers: { [ada]: "+15550100" } });
    receiving();
    fake.say({ chat: ada, text: "hello" });
    fake.say({ chat: ben, text: "hello" });
    await inbox.until(() => inbox.messages.length === 2);
    expect(inbox.messages.map((one) => [one.chat.id, one.sender.id, one.sender.username])).toEqual([
      [ada, ada, "+15550100"],
      [ben, ben, undefined],
    ]);
    await account.send(pieceTo(ada, "hello"), never);
    await inbox.until(() => inbox.events.length === 3);
    expect(inbox.events[2]).toMatchObject({
      type: "receipt",
      chat: { id: ada },
      sender: { id: ada, username: "+15550100" },
    });
  });

  it.each(["text/html", "application/json", undefined])(
    "is not connected to what answers with %s instead of events",
    async (type) => {
      const url = await serve((_request, response) => {
        response.writeHead(200, type === undefined ? {} : { "content-type": type });
        response.end("{}");
      });
      const { inbox, options, receiving } = await start({}, { url });
      const run = receiving();
      await options.untilReports(1);
      expect(options.reports[0]).toMatchObject({
        code: "channel_unavailable",
        message: expect.stringContaining("no events"),
      });
      await run.stop();
      expect(inbox.connections).toEqual([]);
    },
  );

  it("cuts a stream whose events have no end", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data:${"x".repeat(5 * 1024 * 1024)}`);
    });
    const { options, receiving } = await start({}, { url });
    receiving();
    await options.untilReports(1);
    expect(options.reports[0]?.message).toMatch(/too long/);
  });

  it.each([
    [{ typingMessage: { action: "STARTED", timestamp: 1 } }, "typing"],
    [{ syncMessage: { sentMessage: { message: "x" } } }, "own_message"],
    [
      { editMessage: { targetSentTimestamp: 1, dataMessage: { timestamp: 2, message: "x" } } },
      "edited",
    ],
    [{ callMessage: {} }, "unknown_event"],
    [{ storyMessage: {} }, "unknown_event"],
    [{ dataMessage: { timestamp: 1, message: null, reaction: { emoji: "👍" } } }, "reaction"],
    [{ dataMessage: { timestamp: 1, message: null, remoteDelete: { timestamp: 1 } } }, "edited"],
    [
      { dataMessage: { timestamp: 1, message: null, groupInfo: { groupId: "g", type: "UPDATE" } } },
      "unknown_event",
    ],
    [{ dataMessage: { timestamp: 1, message: "x", isExpirationUpdate: true } }, "automatic"],
    [{ dataMessage: { timestamp: "1", message: 5 } }, "unknown_event"],
    [{ receiptMessage: { isDelivery: true } }, "unknown_event"],
    [{}, "unknown_event"],
  ])("ignores %j", async (part, what) => {
    const { fake, inbox, receiving } = await start();
    receiving();
    fake.tell(ada, part);
    await inbox.until(() => inbox.events.length === 1);
    expect(inbox.events).toEqual([{ type: "ignored", what }]);
  });

  it("ignores the account's own messages", async () => {
    const { fake, inbox, options, receiving } = await start();
    receiving();
    fake.say({ chat: options.settings.account, text: "note" });
    await inbox.until(() => inbox.events.length === 1);
    expect(inbox.events).toEqual([{ type: "ignored", what: "own_message" }]);
  });

  it("loses neither a text nor its other files for a file that is odd", async () => {
    const { fake, inbox, receiving } = await start();
    receiving();
    const file = (id: unknown) => ({ contentType: "image/png", filename: "scan", id, size: 7 });
    const odd = [null, "", ".", "..", "../a", "a\\b", "a\0", "x".repeat(257), 5].map(file);
    const attachments = [file("abcDEF. final (2)"), ...odd, "none", file("b:1.png")];
    fake.sayWith({ chat: ada, text: "see" }, { attachments });
    fake.sayWith({ chat: ada, text: "" }, { message: null, attachments: [file(null)] });
    fake.sayWith({ chat: ada, text: "last" }, { attachments: "none" });
    await inbox.until(() => inbox.events.length === 3);
    expect(inbox.messages.map(({ text }) => text)).toEqual(["see", "", "last"]);
    expect(inbox.messages[0]?.media.map(({ source }) => source)).toEqual([
      `direct:${ada}:abcDEF. final (2)`,
      `direct:${ada}:b:1.png`,
    ]);
  });

  it("reads answers, mentions and files", async () => {
    const { fake, inbox, options, receiving } = await start();
    receiving();
    const quote = { id: 1, authorNumber: options.settings.account, text: "x" };
    fake.sayWith({ chat: ada, text: "yes" }, { quote });
    const mentions = [
      { name: "Ben", uuid: ben, start: 3, length: 1 },
      { name: "far", uuid: ben, start: 90, length: 1 },
    ];
    fake.sayWith({ chat: ada, text: "hi \uFFFC!" }, { mentions });
    const file = { contentType: "image/png", filename: "a.png", id: "a-1.png", size: 7 };
    fake.sayWith({ chat: ada, text: "" }, { message: null, attachments: [file] });
    await inbox.until(() => inbox.messages.length === 3);
    expect(inbox.messages).toMatchObject([
      { text: "yes", mentionsAccount: true },
      { text: "hi @Ben!", mentionsAccount: false },
      {
        text: "",
        media: [
          {
            kind: "image",
            source: `direct:${ada}:a-1.png`,
            name: "a.png",
            mime: "image/png",
            bytes: 7,
          },
        ],
      },
    ]);
  });
});
