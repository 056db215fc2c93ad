import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type ChannelAccount,
  HoldfastError,
  type InboundMessageEvent,
  type WebhookRequest,
} from "@holdfast/core";
import { type FakeDiscord, startFakeDiscord } from "@holdfast/testkit/platforms";
import { afterEach, describe, expect, test } from "vitest";
import { fastClock, never, openAccount, startReceiver } from "./testing/harness.ts";

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(): Promise<{ fake: FakeDiscord; account: ChannelAccount }> {
  const fake = await startFakeDiscord({ speed: 10 });
  closers.push(() => fake.close());
  const { account } = openAccount(fake, fake.account("webhook").settings, fastClock(1));
  fake.account("webhook");
  closers.push(() => account.close?.());
  return { fake, account };
}

function requestOf(body: string, headers: object): WebhookRequest {
  return {
    method: "POST",
    path: "",
    query: new URLSearchParams(),
    headers: { ...headers },
    body: Buffer.from(body),
  };
}

async function ask(account: ChannelAccount, request: WebhookRequest) {
  if (account.webhook === undefined) throw new Error("the account takes no webhooks");
  return await account.webhook(request);
}

const hello = { chat: "ada", sender: "ada", text: "hello 🌻" };

async function commandEvent(fake: FakeDiscord, account: ChannelAccount, token = "token-1") {
  const body = JSON.stringify(fake.command(hello, token));
  const answer = await ask(account, requestOf(body, fake.signed(body)));
  return { answer, event: answer.events[0] as InboundMessageEvent, body };
}

/** A node's endpoint: the events are kept, then the answer goes out. */
async function endpoint(account: ChannelAccount, onEvent: (event: InboundMessageEvent) => void) {
  const serve = async (incoming: IncomingMessage) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const headers = incoming.headers as Record<string, string>;
    const request = requestOf(Buffer.concat(chunks).toString("utf8"), headers);
    const answer = await ask(account, request);
    for (const event of answer.events) if (event.type === "message") onEvent(event);
    return answer;
  };
  const server = createServer((incoming, outgoing) => {
    serve(incoming).then(
      ({ status, headers, body }) => outgoing.writeHead(status, headers).end(body),
      () => outgoing.writeHead(503).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe("an interaction", () => {
  test("that only asks whether somebody is there is answered with PONG", async () => {
    const { fake, account } = await start();
    const body = JSON.stringify({ type: 1, id: "1" });
    const answer = await ask(account, requestOf(body, fake.signed(body)));
    expect(answer).toMatchObject({ status: 200, body: '{"type":1}', events: [] });
  });

  test("that is a command becomes a message, and its answer is deferred", async () => {
    const { fake, account } = await start();
    const { answer, event, body } = await commandEvent(fake, account);
    expect(answer).toMatchObject({ status: 200, body: '{"type":5}' });
    expect(event).toMatchObject({
      type: "message",
      chat: { kind: "direct", id: fake.ids.channel("ada") },
      sender: { id: fake.ids.user("ada"), isBot: false },
      text: "hello 🌻",
      mentionsAccount: true,
    });
    const again = await ask(account, requestOf(body, fake.signed(body)));
    expect((again.events[0] as InboundMessageEvent).eventId).toBe(event.eventId);
  });

  test("in a server carries its roles and its guild", async () => {
    const { fake, account } = await start();
    const message = { ...hello, chat: "general", kind: "group" as const };
    const body = JSON.stringify(fake.command(message, "t"));
    const answer = await ask(account, requestOf(body, fake.signed(body)));
    expect(answer.events[0]).toMatchObject({
      chat: { kind: "channel", guild: fake.ids.guild },
      sender: { roles: [fake.ids.role] },
    });
  });

  test("that is forged, changed, cut or stale is refused unread", async () => {
    const { fake, account } = await start();
    const body = JSON.stringify(fake.command(hello, "t"));
    const headers = fake.signed(body);
    const refused: WebhookRequest[] = [
      requestOf(body, {}),
      requestOf(body, { ...headers, "x-signature-ed25519": "00".repeat(64) }),
      requestOf(body, { ...headers, "x-signature-ed25519": "zz" }),
      requestOf(body, { ...headers, "x-signature-timestamp": "1" }),
      requestOf(body.replace("hello", "hullo"), headers),
      requestOf(body.slice(0, -1), headers),
      requestOf("", headers),
      requestOf(body, fake.signed(body, Date.now() - 301_000)),
      requestOf(body, fake.signed(body, Date.now() + 301_000)),
    ];
    for (const request of refused) {
      await expect(ask(account, request)).rejects.toMatchObject({ code: "webhook_unverified" });
    }
  });

  test("of an unknown kind, or not as documented, does no harm", async () => {
    const { fake, account } = await start();
    for (const body of ['{"type":99}', '{"type":2}', '{"type":3,"data":{}}']) {
      const answer = await ask(account, requestOf(body, fake.signed(body)));
      expect(answer.status).toBe(400);
      expect(answer.events).toEqual([{ type: "ignored", what: "unknown_event" }]);
    }
    for (const body of ["nonsense", "[]", '"text"']) {
      const refused = ask(account, requestOf(body, fake.signed(body)));
      await expect(refused).rejects.toMatchObject({ code: "invalid_request" });
    }
  });
});

describe("the answer to a command", () => {
  test("takes the place that waits for it; what follows becomes messages", async () => {
    const { fake, account } = await start();
    const events: InboundMessageEvent[] = [];
    fake.deliverTo([await endpoint(account, (event) => void events.push(event))]);
    fake.say(hello);
    await fake.settled();
    const [event] = events;
    const [piece] = account.render("first");
    const [other] = account.render("second");
    if (event === undefined || piece === undefined || other === undefined) {
      throw new Error("nothing came");
    }
    const send = { piece, chat: event.chat, replyTo: event.messageId, key: "k.1" };
    const sent = await account.send(send, never);
    expect(sent).toMatchObject({ outcome: "sent" });
    expect(await account.send(send, never)).toEqual(sent);
    await account.send({ ...send, piece: other, key: "k.2" }, never);
    expect(fake.shown("ada").map(({ text }) => text)).toEqual(["first", "second"]);
    expect(fake.violations).toEqual([]);
  });

  test("becomes a message when the command's time is over", async () => {
    const { fake, account } = await start();
    const { event } = await commandEvent(fake, account);
    fake.expireCommands();
    const [piece] = account.render("late");
    if (piece === undefined) throw new Error("nothing was rendered");
    const send = { piece, chat: event.chat, replyTo: event.messageId, key: "k.1" };
    expect(await account.send(send, never)).toMatchObject({ outcome: "sent" });
    expect(fake.shown("ada").map(({ text }) => text)).toEqual(["late"]);
  });

  test("is delivered once although commands come twice and answers are lost", async () => {
    const { fake, account } = await start();
    fake.faults = { duplicate: 0.5, dropped: 0.5 };
    const seen = new Map<string, string>();
    let failures = 0;
    const url = await endpoint(account, (event) => {
      failures += 1;
      if (failures % 3 === 0) throw new HoldfastError("engine_unavailable", "no majority");
      seen.set(event.eventId, event.text);
    });
    fake.deliverTo([url, url]);
    const wanted = Array.from({ length: 10 }, (_, index) => `message ${index}`);
    for (const text of wanted) fake.say({ chat: "ada", text });
    await fake.settled();
    expect([...seen.values()]).toEqual(wanted);
  });
});

test("the command is registered when the account starts, without a gateway", async () => {
  const { fake, account } = await start();
  const receiver = startReceiver(account);
  await receiver.until(() => receiver.connections() === 1);
  expect(fake.counts["commands"]).toBe(1);
  expect(fake.connections()).toBe(0);
  await receiver.stop();
});
