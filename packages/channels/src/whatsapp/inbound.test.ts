import { describe, expect, it } from "vitest";
import { ada, ben, eventsOf, messagesOf, never, pieceTo, start } from "./testing/world.ts";

describe("messages", () => {
  it("takes texts of several chats, in the order of each chat, with names as they are", async () => {
    const world = await start();
    const senderName = "<b>Ada</b> & \u202Eadd 👩‍👩‍👧";
    for (let number = 0; number < 10; number += 1) {
      world.fake.say({ chat: ada, senderName, text: `${number} 👍 <i>שלום</i>` });
      world.fake.say({ chat: ben, text: `${number}` });
    }
    await world.fake.settled();
    const messages = messagesOf(world);
    expect(new Set(messages.map((message) => message.eventId)).size).toBe(20);
    for (const chat of [ada, ben]) {
      const texts = messages.filter((message) => message.chat.id === chat).map((one) => one.text);
      expect(texts.map((text) => Number(text.slice(0, 1))).toSorted((a, b) => a - b)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ]);
    }
    const first = messages.find((message) => message.text.startsWith("0 👍"));
    expect(first).toMatchObject({
      chat: { kind: "direct", id: ada },
      sender: { id: ada, name: senderName, isBot: false },
      text: "0 👍 <i>שלום</i>",
      mentionsAccount: false,
      media: [],
    });
    expect(first?.messageId).toBe(first?.eventId);
    expect(Math.abs((first?.sentAt ?? 0) - Date.now())).toBeLessThan(10_000);
  });

  it("loses and doubles nothing when deliveries are refused, lost, doubled, slow", async () => {
    const faults = { duplicate: 0.3, dropped: 0.3, reordered: 0.3, slow: 0.2 };
    const world = await start({ faults, seed: 3 });
    world.receivers[0]?.refuseNext(3);
    const chats = [ada, ben, "491510000003"];
    for (let number = 0; number < 12; number += 1) {
      world.fake.say({ chat: chats[number % 3] ?? ada, text: `message ${number}` });
    }
    await world.fake.settled();
    const byId = new Map<string, string>();
    for (const { eventId, text } of messagesOf(world)) {
      expect(byId.get(eventId) ?? text).toBe(text);
      byId.set(eventId, text);
    }
    expect([...byId.values()].toSorted()).toEqual(
      Array.from({ length: 12 }, (_, number) => `message ${number}`).toSorted(),
    );
    expect(messagesOf(world).length).toBeGreaterThan(12);
    expect(Object.keys(world.fake.counts).toSorted()).toEqual([
      "dropped",
      "duplicate",
      "refusedDelivery",
      "reordered",
      "slow",
    ]);
  });

  it.each([
    ["button", { button: { payload: "p", text: "Yes" } }, "Yes"],
    [
      "interactive",
      { interactive: { type: "button_reply", button_reply: { id: "1", title: "One" } } },
      "One",
    ],
    [
      "interactive",
      {
        interactive: {
          type: "list_reply",
          list_reply: { id: "1", title: "One", description: "More" },
        },
      },
      "One\nMore",
    ],
    [
      "interactive",
      { interactive: { type: "nfm_reply", nfm_reply: { response_json: '{"a":1}' } } },
      '{"a":1}',
    ],
    [
      "location",
      { location: { latitude: 52.5, longitude: 13.4, name: "Market", address: "Main street 1" } },
      "Location:\nMarket\nMain street 1\n52.5, 13.4",
    ],
    [
      "contacts",
      {
        contacts: [
          {
            name: { formatted_name: "Grace" },
            phones: [{ phone: "+1 555" }],
            emails: [{ email: "g@example.org" }],
          },
        ],
      },
      "Contact: Grace +1 555 g@example.org",
    ],
  ])("reads %s as text", async (type, part, text) => {
    const world = await start();
    world.fake.sayContent({ chat: ada }, { type, ...part });
    await world.fake.settled();
    expect(messagesOf(world).map((message) => message.text)).toEqual([text]);
  });

  it.each(["image", "sticker", "audio", "video", "document"] as const)("reads %s", async (type) => {
    const world = await start();
    const part = { id: "123", mime_type: "a/b", filename: "f.x", caption: "Look" };
    world.fake.sayContent({ chat: ada, mentionsAccount: true }, { type, [type]: part });
    await world.fake.settled();
    const kind = { sticker: "image", document: "file" }[type as string] ?? type;
    expect(messagesOf(world)[0]).toMatchObject({
      text: "Look",
      mentionsAccount: true,
      media: [{ kind, source: "123", mime: "a/b", name: "f.x" }],
    });
  });

  it("takes people who have a username instead of a phone number, and answers them", async () => {
    const world = await start();
    const userId = "DE.13491208655302741918";
    world.fake.sayContent({ chat: userId }, { type: "text", text: { body: "Hi" } });
    await world.fake.settled();
    expect(messagesOf(world)[0]).toMatchObject({ chat: { id: userId }, sender: { name: "Ada" } });
    expect(await world.account.send(pieceTo(userId, "Hello"), never)).toMatchObject({
      outcome: "sent",
    });
    expect(world.fake.shown(userId)[0]?.raw).toMatchObject({ recipient: userId });
  });

  it.each([
    [{ type: "reaction", reaction: { message_id: "x", emoji: "👍" } }, "reaction"],
    [{ type: "unsupported", errors: [{ code: 131051 }] }, "unknown_event"],
    [{ type: "order", order: {} }, "unknown_event"],
    [{ type: "system", system: { body: "changed" } }, "automatic"],
    [{ type: "text", group_id: "g", text: { body: "x" } }, "group"],
    [{ type: "text" }, "unknown_event"],
    [{ type: "text", text: { body: 5 } }, "unknown_event"],
    [{ type: "image", image: {} }, "unknown_event"],
  ])("ignores %j", async (content, what) => {
    const world = await start();
    world.fake.sayContent({ chat: ada }, content);
    await world.fake.settled();
    expect(eventsOf(world)).toEqual([{ type: "ignored", what }]);
  });

  it("ignores what is for another number, another business, and other fields", async () => {
    const world = await start();
    const value = { metadata: { phone_number_id: "1" }, messages: [{}] };
    world.fake.deliver(ada, value);
    world.fake.deliver(ada, { something: "new" });
    await world.fake.settled();
    expect(
      eventsOf(world)
        .map((event) => ("what" in event ? event.what : ""))
        .toSorted(),
    ).toEqual(["unknown_event", "wrong_account"]);
    const other = await start({}, { businessAccountId: "5" });
    other.fake.say({ chat: ada, text: "Hello" });
    await other.fake.settled();
    expect(eventsOf(other)).toEqual([{ type: "ignored", what: "wrong_account" }]);
  });

  it("reports errors of the account", async () => {
    const world = await start();
    const metadata = { phone_number_id: world.options.settings.phoneNumberId };
    world.fake.deliver(ada, { metadata, errors: [{ code: 130429 }] });
    await world.fake.settled();
    expect(world.options.reports[0]?.message).toMatch(/130429/);
  });
});
