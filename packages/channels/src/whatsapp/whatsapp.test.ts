import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import type { ChannelAccount, InboundMessageEvent, PieceSend, SendOutcome } from "@holdfast/core";
import {
  type FakeWhatsApp,
  type FakeWhatsAppOptions,
  startFakeWhatsApp,
} from "@holdfast/testkit/platforms";
import { afterEach, describe, expect, it } from "vitest";
import { accountOptions, type TestOptions } from "../http/testing/account-options.ts";
import { type Receiver, startReceiver } from "../http/testing/receiver.ts";
import { whatsapp } from "./index.ts";
import { rememberedChats } from "./limits.ts";
import type { WhatsAppSettings } from "./settings.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const never = new AbortController().signal;
const ada = "491510000001";
const ben = "491510000002";

interface World {
  readonly fake: FakeWhatsApp;
  readonly options: TestOptions<WhatsAppSettings>;
  readonly account: ChannelAccount;
  readonly receivers: readonly Receiver[];
}

async function start(fakeOptions: FakeWhatsAppOptions = {}, changed: object = {}): Promise<World> {
  const fake = await startFakeWhatsApp({ speed: 20, ...fakeOptions });
  closers.push(() => fake.close());
  const { settings, env } = fake.account("webhook");
  const options = accountOptions(whatsapp.settings.parse({ ...settings, ...changed }), env);
  const account = whatsapp.open(options);
  closers.push(async () => account.close?.());
  const receivers = [await startReceiver(account), await startReceiver(account)];
  for (const receiver of receivers) closers.push(() => receiver.close());
  fake.deliverTo(receivers.map((receiver) => receiver.url));
  return { fake, options, account, receivers };
}

const eventsOf = (world: World) => world.receivers.flatMap((receiver) => receiver.events);
const messagesOf = (world: World) =>
  eventsOf(world).filter((event): event is InboundMessageEvent => event.type === "message");

function pieceTo(chat: string, text: string, more: Partial<PieceSend> = {}): PieceSend {
  const chatAddress = { kind: "direct", id: chat } as const;
  return { piece: { body: { text }, text }, chat: chatAddress, key: "key-1", ...more };
}

/** A send to a server that does what the test says. */
async function sendTo(listen: RequestListener, changed: object = {}): Promise<SendOutcome> {
  const server: Server = createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { account } = await start({}, { apiUrl, ...changed });
  return account.send(pieceTo(ada, "Hello"), never);
}

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(typeof body === "string" ? body : JSON.stringify(body));
  };
const graphError = (code: number, more: object = {}) => ({
  error: { message: "Malformed token fake-whatsapp-access-token", type: "X", code, ...more },
});

describe("settings", () => {
  const { settings } = {
    settings: {
      phoneNumberId: "1",
      accessToken: { fromEnv: "A" },
      appSecret: { fromEnv: "B" },
      verifyToken: { fromFile: "/c" },
    },
  };

  it("has Meta's own address by default, and refuses plain text secrets and open networks", () => {
    expect(whatsapp.settings.parse(settings).apiUrl).toBe("https://graph.facebook.com/v23.0");
    const isAccepted = (changed: object) =>
      whatsapp.settings.safeParse({ ...settings, ...changed }).success;
    expect(isAccepted({ accessToken: "secret" })).toBe(false);
    expect(isAccepted({ apiUrl: "http://graph.example.org" })).toBe(false);
    expect(isAccepted({ apiUrl: "http://10.0.0.1:80/v1" })).toBe(true);
    expect(isAccepted({ phoneNumberId: "1/../2" })).toBe(false);
    expect(isAccepted({ unknown: 1 })).toBe(false);
  });
});

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

describe("webhooks", () => {
  const recorded = async () => {
    const world = await start();
    world.fake.say({ chat: ada, text: "Hello" });
    await world.fake.settled();
    const request = world.receivers.flatMap((receiver) => receiver.requests)[0];
    if (request === undefined || world.account.webhook === undefined) throw new Error("none came");
    return { request, webhook: world.account.webhook.bind(world.account) };
  };

  it("gives the same event for the same delivery, on every node", async () => {
    const { request, webhook } = await recorded();
    expect((await webhook(request)).events).toEqual((await webhook(request)).events);
    const world = await start();
    expect((await world.account.webhook?.(request))?.events).toEqual(
      (await webhook(request)).events,
    );
  });

  it("refuses forged, truncated, extended and unsigned bodies before it reads them", async () => {
    const { request, webhook } = await recorded();
    const { body, headers } = request;
    const forged = Buffer.from(Buffer.from(body).toString("utf8").replace("Hello", "Hallo"));
    const signature = headers["x-hub-signature-256"] ?? "";
    for (const changed of [
      { body: forged },
      { body: body.subarray(0, -1) },
      { body: Buffer.concat([body, Buffer.from(" ")]) },
      { headers: { ...headers, "x-hub-signature-256": undefined } },
      { headers: { ...headers, "x-hub-signature-256": "" } },
      { headers: { ...headers, "x-hub-signature-256": "sha256=" } },
      { headers: { ...headers, "x-hub-signature-256": signature.replace("sha256=", "sha1=") } },
      { headers: { ...headers, "x-hub-signature-256": signature.slice(0, -2) } },
      { headers: { "x-hub-signature": signature } },
    ]) {
      await expect(webhook({ ...request, ...changed })).rejects.toMatchObject({
        code: "webhook_unverified",
      });
    }
  });

  it("refuses signed bodies that are none of WhatsApp's", async () => {
    const { createHmac } = await import("node:crypto");
    const { request, webhook } = await recorded();
    for (const text of ["{", "null", "[]", "{}", '{"object":"page","entry":[]}', '{"object":1}']) {
      const body = Buffer.from(text);
      const sum = createHmac("sha256", "fake-whatsapp-app-secret").update(body).digest("hex");
      const headers = { "x-hub-signature-256": `sha256=${sum}` };
      await expect(webhook({ ...request, headers, body })).rejects.toMatchObject({
        code: "invalid_request",
      });
    }
    await expect(webhook({ ...request, method: "PUT" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  it("confirms its address to who knows the word", async () => {
    const { request, webhook } = await recorded();
    const get = (query: Record<string, string>) =>
      webhook({ ...request, method: "GET", headers: {}, query: new URLSearchParams(query) });
    const right = {
      "hub.mode": "subscribe",
      "hub.verify_token": "fake-whatsapp-verify-token",
      "hub.challenge": "1158201444",
    };
    expect(await get(right)).toMatchObject({ status: 200, body: "1158201444", events: [] });
    for (const changed of [
      { "hub.verify_token": "x" },
      { "hub.mode": "x" },
      { "hub.verify_token": "" },
    ]) {
      await expect(get({ ...right, ...changed })).rejects.toMatchObject({
        code: "webhook_unverified",
      });
    }
    for (const challenge of ["", "<script>", "1".repeat(200)]) {
      const run = get({ ...right, "hub.challenge": challenge });
      await expect(run).rejects.toMatchObject({ code: "invalid_request" });
    }
  });
});

describe("sends", () => {
  it("sends a text with its key and what it answers", async () => {
    const world = await start();
    world.fake.say({ chat: ada, text: "Hello" });
    await world.fake.settled();
    const replyTo = messagesOf(world)[0]?.messageId ?? "";
    const pieces = world.account.render("**Hello** <b> 👍");
    expect(world.account.render("**Hello** <b> 👍")).toEqual(pieces);
    const [piece] = pieces;
    if (piece === undefined) throw new Error("no piece");
    const outcome = await world.account.send(
      pieceTo(ada, "", { piece, replyTo, key: "turn.1-a_b" }),
      never,
    );
    expect(outcome).toEqual({ outcome: "sent", platformId: expect.stringMatching(/^wamid\./) });
    expect(world.fake.shown(ada)).toMatchObject([
      {
        text: "Hello <b> 👍",
        raw: {
          to: ada,
          text: { body: "*Hello* <b> 👍", preview_url: false },
          context: { message_id: replyTo },
          biz_opaque_callback_data: "turn.1-a_b",
        },
      },
    ]);
    expect(world.fake.violations).toEqual([]);
  });

  it("tells from the statuses what became of a message, in whatever order they come", async () => {
    const world = await start({ statuses: ["delivered", "read"], faults: { reordered: 0.5 } });
    world.fake.say({ chat: ada, text: "Hello" });
    await world.fake.settled();
    const sent = await world.account.send(pieceTo(ada, "Hi"), never);
    if (sent.outcome !== "sent") throw new Error(sent.reason);
    world.fake.status(sent.platformId, "failed", 131026);
    world.fake.status(sent.platformId, "deleted");
    await world.fake.settled();
    const receipts = eventsOf(world).filter((event) => event.type === "receipt");
    expect(receipts.map((receipt) => receipt.state).toSorted()).toEqual([
      "delivered",
      "failed",
      "read",
    ]);
    expect(new Set(receipts.map((receipt) => receipt.eventId)).size).toBe(3);
    for (const receipt of receipts) {
      expect(receipt).toMatchObject({
        chat: { kind: "direct", id: ada },
        messageId: sent.platformId,
        key: "key-1",
      });
      expect(receipt.reason ?? "131026").toMatch(/131026/);
    }
    const what = eventsOf(world).flatMap((event) => (event.type === "ignored" ? [event.what] : []));
    expect(what.toSorted()).toEqual(["sent", "unknown_event"]);
  });

  it("fails in a chat that never wrote, in a blocked one, and in groups", async () => {
    const world = await start();
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toEqual({
      outcome: "failed",
      reason: expect.stringMatching(/24 hours.*131047/),
    });
    world.fake.say({ chat: ada, text: "Hello" });
    world.fake.block(ada);
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/131026/),
    });
    const group = { kind: "group", id: "g" } as const;
    expect(await world.account.send(pieceTo(ada, "Hi", { chat: group }), never)).toMatchObject({
      outcome: "failed",
    });
    const piece = { body: { html: "x" }, text: "x" };
    expect(await world.account.send(pieceTo(ada, "Hi", { piece }), never)).toMatchObject({
      outcome: "failed",
    });
  });

  it("hears of a closed window by a status, too", async () => {
    const world = await start({ windowErrors: "status" });
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({ outcome: "sent" });
    await world.fake.settled();
    expect(eventsOf(world)).toMatchObject([{ type: "receipt", state: "failed", key: "key-1" }]);
    expect(world.fake.shown(ada)).toEqual([]);
  });

  it("waits where a rate is exceeded: the person's for the chat, the number's for the account", async () => {
    const world = await start({ speed: 1 });
    world.fake.say({ chat: ada, text: "Hello" });
    let outcome: SendOutcome = { outcome: "sent", platformId: "" };
    let count = 0;
    while (outcome.outcome === "sent" && count < 100) {
      outcome = await world.account.send(pieceTo(ada, "Hi"), never);
      count += 1;
    }
    expect(outcome).toMatchObject({ outcome: "retry", scope: "chat", afterMs: 6_000 });
    expect(count).toBe(46);
    expect(world.fake.violations).toEqual(["The pair rate was exceeded."]);
    world.fake.faults = { tooMany: 1 };
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "retry",
      scope: "account",
      afterMs: 1_000,
    });
  });

  it("is unauthorized when the token is revoked or not to be read", async () => {
    const world = await start();
    world.fake.revoke(true);
    const outcome = await world.account.send(pieceTo(ada, "Hi"), never);
    expect(outcome).toMatchObject({ outcome: "unauthorized" });
    const blind = whatsapp.open(accountOptions(world.options.settings, {}));
    expect(await blind.send(pieceTo(ada, "Hi"), never)).toMatchObject({ outcome: "unauthorized" });
    await blind.close?.();
  });

  it.each([
    [500, graphError(131000), "retry"],
    [500, graphError(1), "retry"],
    [503, graphError(2), "retry"],
    [400, graphError(131016), "retry"],
    [400, graphError(999_999, { is_transient: true }), "retry"],
    [400, graphError(999_999), "failed"],
    [400, graphError(100), "failed"],
    [400, graphError(131008), "failed"],
    [400, graphError(131009), "failed"],
    [400, graphError(131051), "failed"],
    [400, graphError(132001), "failed"],
    [403, graphError(10), "unauthorized"],
    [403, graphError(230), "unauthorized"],
    [401, graphError(0), "unauthorized"],
    [401, graphError(999_999), "unauthorized"],
    [400, graphError(368), "unauthorized"],
    [429, graphError(4), "retry"],
    [429, graphError(999_999), "retry"],
    [429, "slow down", "retry"],
    [401, "who are you", "unauthorized"],
    [413, "too large", "retry"],
    [302, "", "retry"],
    [500, "oops", "unknown"],
    [502, "<html>", "unknown"],
    [504, "", "unknown"],
    [200, "{}", "unknown"],
    [200, "", "unknown"],
    [200, { messages: [] }, "unknown"],
    [200, `"${"x".repeat(300 * 1024)}"`, "unknown"],
  ])("calls status %i with %j the right thing", async (status, body, outcome) => {
    const result = await sendTo(answer(status, body));
    expect(result.outcome).toBe(outcome);
    expect(JSON.stringify(result)).not.toMatch(/access-token/);
  });

  it("takes the wait that is named", async () => {
    const slow = answer(429, graphError(130429), { "retry-after": "7" });
    expect(await sendTo(slow)).toMatchObject({
      outcome: "retry",
      afterMs: 7_000,
      scope: "account",
    });
  });

  it("does not know what became of a send whose answer is lost or cut", async () => {
    const world = await start({ faults: { lostAnswer: 1 } });
    world.fake.say({ chat: ada, text: "Hello" });
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "unknown",
    });
    // It was taken: this is why it must not be sent again.
    expect(world.fake.shown(ada)).toHaveLength(1);
    await world.fake.settled();
    expect(eventsOf(world)).toContainEqual(
      expect.objectContaining({ type: "receipt", state: "delivered", key: "key-1" }),
    );
    const cut: RequestListener = (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"messages"', () => response.destroy());
    };
    expect(await sendTo(cut)).toMatchObject({ outcome: "unknown" });
    expect(await sendTo((request) => request.socket.destroy())).toMatchObject({
      outcome: "unknown",
    });
  });

  it("sends once though the platform has trouble, and with slow answers", async () => {
    const world = await start({ faults: { serverError: 0.4, tooMany: 0.4, slow: 0.3 }, seed: 5 });
    world.fake.say({ chat: ada, text: "Hello" });
    for (let number = 0; number < 6; number += 1) {
      let outcome: SendOutcome["outcome"] = "retry";
      while (outcome === "retry") {
        ({ outcome } = await world.account.send(pieceTo(ada, `${number}`), never));
      }
      expect(outcome).toBe("sent");
    }
    expect(world.fake.shown(ada).map((message) => message.text)).toEqual([
      "0",
      "1",
      "2",
      "3",
      "4",
      "5",
    ]);
    expect(world.fake.counts["serverError"]).toBeGreaterThan(0);
  });

  it("may be repeated when nothing was sent: no connection, no name, no TLS, given up before", async () => {
    const listener = createTcpServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as AddressInfo;
    const tls = createTcpServer((socket) => socket.on("data", () => socket.destroy())).listen(
      0,
      "127.0.0.1",
    );
    await new Promise((resolve) => tls.once("listening", resolve));
    const tlsPort = (tls.address() as AddressInfo).port;
    await new Promise((resolve) => listener.close(resolve));
    closers.push(() => new Promise((resolve) => tls.close(resolve)));
    for (const apiUrl of [
      `http://127.0.0.1:${port}`,
      `https://127.0.0.1:${tlsPort}`,
      "https://name.invalid/v23.0",
    ]) {
      const { account } = await start({}, { apiUrl });
      const outcome = await account.send(pieceTo(ada, "Hi"), never);
      expect(outcome).toMatchObject({ outcome: "retry" });
      expect(JSON.stringify(outcome)).not.toMatch(/127|invalid/);
    }
    const world = await start();
    expect(await world.account.send(pieceTo(ada, "Hi"), AbortSignal.abort())).toMatchObject({
      outcome: "retry",
    });
  });

  it("does not know when it is told to stop after the request was written", async () => {
    const stop = new AbortController();
    const server = createServer(() => stop.abort()).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    closers.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { account } = await start({}, { apiUrl });
    expect(await account.send(pieceTo(ada, "Hi"), stop.signal)).toMatchObject({
      outcome: "unknown",
    });
  });
});

describe("typing", () => {
  it("is shown as an answer to the newest message that this node heard of", async () => {
    const world = await start();
    const chat = { kind: "direct", id: ada } as const;
    await world.account.typing?.(chat, never);
    expect(world.fake.typing).toEqual([]);
    world.fake.say({ chat: ada, text: "one" });
    world.fake.say({ chat: ada, text: "two" });
    await world.fake.settled();
    await world.account.typing?.(chat, never);
    expect(world.fake.typing).toEqual([
      messagesOf(world).find((one) => one.text === "two")?.messageId,
    ]);
    world.fake.revoke(true);
    await world.account.typing?.(chat, never);
    expect(world.options.reports[0]?.message).toMatch(/token/);
    expect(rememberedChats).toBeGreaterThan(1_000);
  });
});

describe("media", () => {
  it("is fetched with the token, of the listed types and sizes only", async () => {
    const { fake, account } = await start();
    const picture = fake.addMedia("image/png", new TextEncoder().encode("picture"));
    const page = fake.addMedia("text/x-shellscript", new TextEncoder().encode("x"));
    const program = fake.addMedia("application/x-msdownload", new TextEncoder().encode("x"));
    const large = fake.addMedia("image/png", new Uint8Array(20 * 1024 * 1024 + 1));
    const fetch = (source: string) => account.fetchMedia?.({ kind: "image", source }, never);
    expect(await fetch(picture)).toEqual({
      mime: "image/png",
      data: new TextEncoder().encode("picture"),
    });
    expect((await fetch(page))?.mime).toBe("text/x-shellscript");
    for (const source of [program, large, "404", "../me", "1?x=1", ""]) {
      await expect(fetch(source)).rejects.toMatchObject({ code: "media_refused" });
    }
    fake.revoke(true);
    await expect(fetch(picture)).rejects.toMatchObject({ code: "channel_unavailable" });
  });
});

describe("check", () => {
  it("says who it is, and what is wrong", async () => {
    const { fake, account, options } = await start();
    expect(await account.check(never)).toEqual({
      ok: true,
      identity: "Example Shop, +15550783881",
      findings: [],
    });
    fake.unsubscribe();
    expect((await account.check(never)).findings).toEqual([expect.stringMatching(/subscribed/)]);
    fake.revoke(true);
    expect(await account.check(never)).toEqual({
      ok: false,
      findings: [expect.stringMatching(/190/)],
    });
    const blind = whatsapp.open(accountOptions(options.settings, {}));
    expect(await blind.check(never)).toMatchObject({ ok: false });
    await blind.close?.();
    await fake.close();
    expect(await account.check(never)).toMatchObject({ ok: false });
  });
});
