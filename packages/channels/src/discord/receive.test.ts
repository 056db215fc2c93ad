import { HoldfastError } from "@holdfast/core";
import { type FakeDiscord, startFakeDiscord } from "@holdfast/testkit/platforms";
import { afterEach, describe, expect, test } from "vitest";
import {
  fastClock,
  openAccount,
  type OpenedAccount,
  type Receiver,
  type ReceiverOptions,
  startReceiver,
  texts,
} from "./testing/harness.ts";

const fakes: FakeDiscord[] = [];
const receivers: Receiver[] = [];

afterEach(async () => {
  await Promise.allSettled(receivers.splice(0).map((receiver) => receiver.stop()));
  await Promise.all(fakes.splice(0).map((fake) => fake.close()));
});

async function start(options: Parameters<typeof startFakeDiscord>[0] = {}): Promise<FakeDiscord> {
  const fake = await startFakeDiscord({ heartbeatMs: 1_000, ...options });
  fakes.push(fake);
  return fake;
}

function listen(opened: OpenedAccount, options: ReceiverOptions = {}): Receiver {
  const receiver = startReceiver(opened.account, options);
  receivers.push(receiver);
  return receiver;
}

async function listening(fake: FakeDiscord, options: ReceiverOptions = {}): Promise<Receiver> {
  const receiver = listen(openAccount(fake), options);
  await receiver.until(() => receiver.connections() > 0);
  return receiver;
}

/** Resolves after so many more heartbeats. */
async function heartbeats(fake: FakeDiscord, count: number): Promise<void> {
  const told = () => fake.counts["heartbeat"] ?? 0;
  const enough = told() + count;
  await expect.poll(told, { timeout: 10_000 }).toBeGreaterThanOrEqual(enough);
}

/** Keeps cursors until it is cut off from the cluster. */
function cutOffOwner() {
  let isCutOff = false;
  return {
    cutOff: () => void (isCutOff = true),
    async onSave() {
      if (isCutOff) throw new HoldfastError("engine_unavailable", "no majority");
    },
  };
}

function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `message ${from + index}`);
}

describe("messages through the gateway", () => {
  test("arrive in order, and are acknowledged once they are durable", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    for (const text of numbered(20)) fake.say({ chat: "ada", text });
    await fake.settled();
    expect(texts(receiver)).toEqual(numbered(20));
    const orders = receiver.messages().map(({ order }) => order ?? 0);
    expect(orders).toEqual([...orders].sort((a, b) => a - b));
    expect(new Set(orders).size).toBe(20);
    expect(fake.violations).toEqual([]);
  });

  test("of a server carry its roles, the mention, and the names that people see", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    fake.say({
      chat: "general",
      kind: "group",
      sender: "ada",
      senderName: "<b>Ada</b> 🌻 عليكم",
      text: "what is up?",
      mentionsAccount: true,
    });
    await receiver.until(() => receiver.messages().length === 1);
    expect(receiver.messages()[0]).toMatchObject({
      chat: { kind: "channel", id: fake.ids.channel("general"), guild: fake.ids.guild },
      sender: {
        id: fake.ids.user("ada"),
        name: "<b>Ada</b> 🌻 عليكم",
        username: "ada",
        isBot: false,
        roles: [fake.ids.role],
      },
      text: "what is up?",
      mentionsAccount: true,
    });
  });

  test("in threads name the channel above, asked for once when the gateway did not tell", async () => {
    const fake = await start({ channelTypes: false });
    fake.openThread("thread", "general");
    const first = await listening(fake);
    fake.say({ chat: "thread", kind: "group", text: "one" });
    await first.until(() => first.messages().length === 1);
    await first.stop();
    expect(fake.counts["channelAsked"] ?? 0).toBe(0);

    // Whoever resumes is told of no channels.
    const second = await listening(fake, { cursor: first.cursors.at(-1) });
    for (const text of ["two", "three"]) fake.say({ chat: "thread", kind: "group", text });
    await second.until(() => second.messages().length === 2);
    const parent = fake.ids.channel("general");
    expect(second.messages().map(({ chat }) => chat.parent)).toEqual([parent, parent]);
    expect(fake.counts["channelAsked"]).toBe(1);
  });

  test("of bots and webhooks are marked; system messages, edits and unknown events are ignored", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    fake.say({ chat: "general", kind: "group", text: "beep", isBot: true });
    fake.post({ chat: "general", text: "hook" }, { webhook_id: "123456789012345678" });
    fake.post({ chat: "general", text: "" }, { type: 7 });
    fake.dispatch("MESSAGE_UPDATE", { id: "1", channel_id: "2" });
    fake.dispatch("MESSAGE_DELETE", { id: "1", channel_id: "2" });
    fake.dispatch("MESSAGE_CREATE", { nonsense: true });
    fake.dispatch("NEVER_HEARD_OF", null);
    await receiver.until(() => receiver.events.length >= 7);
    expect(receiver.messages().map(({ sender }) => sender.isBot)).toEqual([true, true]);
    const ignored = receiver.events.flatMap((event) =>
      event.type === "ignored" ? event.what : [],
    );
    expect(ignored).toEqual(["automatic", "edited", "edited", "unknown_event", "unknown_event"]);
  });

  test("bring their files, and answers to the bot count as mentions", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    const file = {
      id: "1",
      url: "https://cdn.example.org/a.png",
      filename: "a.png",
      content_type: "image/png",
      size: 5,
    };
    const referenced = { author: { id: fake.ids.bot, username: "holdfast-bot" } };
    fake.post({ chat: "ada", text: "" }, { attachments: [file] });
    fake.post({ chat: "ada", text: "yes" }, { type: 19, referenced_message: referenced });
    await receiver.until(() => receiver.messages().length === 2);
    expect(receiver.messages()[0]?.media).toEqual([
      { kind: "image", source: file.url, name: "a.png", mime: "image/png", bytes: 5 },
    ]);
    expect(receiver.messages().map(({ mentionsAccount }) => mentionsAccount)).toEqual([
      false,
      true,
    ]);
  });

  test("of nothing but a sticker, a poll or an embed are ignored", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    const sticker = { id: "749054660769218631", name: "Wave", format_type: 3 };
    fake.post({ chat: "ada", text: "" }, { sticker_items: [sticker] });
    fake.post({ chat: "ada", text: "" }, { poll: { question: { text: "Tea?" }, answers: [] } });
    fake.post({ chat: "ada", text: "" }, { embeds: [{ type: "rich", title: "News" }] });
    await receiver.until(() => receiver.events.length === 3);
    const empty = { type: "ignored", what: "empty" };
    expect(receiver.events).toEqual([empty, empty, empty]);
  });

  test("of the bot itself are ignored", async () => {
    const fake = await start();
    const opened = openAccount(fake);
    const receiver = listen(opened);
    await receiver.until(() => receiver.connections() > 0);
    fake.say({ chat: "ada", text: "hello" });
    await receiver.until(() => receiver.messages().length === 1);
    const chat = receiver.messages()[0]?.chat;
    const [piece] = opened.account.render("hi");
    if (chat === undefined || piece === undefined) throw new Error("nothing came");
    await opened.account.send({ piece, chat, key: "k" }, new AbortController().signal);
    await receiver.until(() => receiver.events.length === 2);
    expect(receiver.events[1]).toEqual({ type: "ignored", what: "own_message" });
  });
});

describe("nothing is lost when", () => {
  test("sockets are cut, and asked to reconnect: the session is resumed", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    fake.say({ chat: "ada", text: "message 0" });
    await receiver.until(() => receiver.messages().length === 1);
    fake.cut();
    fake.say({ chat: "ada", text: "message 1" });
    await receiver.until(() => receiver.messages().length === 2 && receiver.connections() === 2);
    fake.askReconnect();
    fake.say({ chat: "ada", text: "message 2" });
    await fake.settled();
    expect(texts(receiver)).toEqual(numbered(3));
    expect(fake.counts["identify"]).toBe(1);
    expect(fake.violations).toEqual([]);
  });

  test("accepting fails: it comes again, with the same event id", async () => {
    const fake = await start();
    let failures = 0;
    const seen: string[] = [];
    const receiver = await listening(fake, {
      async onAccept(events) {
        for (const event of events) if (event.type === "message") seen.push(event.eventId);
        if (seen.length > 0 && failures < 2) {
          failures += 1;
          throw new HoldfastError("engine_unavailable", "no majority");
        }
      },
    });
    fake.say({ chat: "ada", text: "message 0" });
    await fake.settled();
    expect(texts(receiver)).toEqual(["message 0"]);
    expect(seen).toEqual([seen[0], seen[0], seen[0]]);
  });

  test("accepting takes long: nothing is acknowledged before, and the next owner gets it", async () => {
    const fake = await start();
    const started = Promise.withResolvers<void>();
    const receiver = await listening(fake, {
      async onAccept() {
        started.resolve();
        await new Promise(() => {});
      },
    });
    await receiver.until(() => receiver.cursors.length > 0);
    fake.say({ chat: "ada", text: "message 0" });
    await started.promise;
    const before = performance.now();
    await receiver.stop();
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(texts(receiver)).toEqual([]);

    const next = await listening(fake, { cursor: receiver.cursors.at(-1) });
    await fake.settled();
    expect(texts(next)).toEqual(["message 0"]);
    expect(fake.counts["identify"]).toBe(1);
    expect(fake.violations).toEqual([]);
  });

  test("its owner dies right after connecting: the next one resumes, and somebody new is heard", async () => {
    const fake = await start();
    const owner = cutOffOwner();
    const receiver = await listening(fake, owner);
    owner.cutOff();
    fake.cut();
    await receiver.stop();
    fake.say({ chat: "ada", text: "message 0" });

    const next = await listening(fake, { cursor: receiver.cursors.at(-1) });
    await fake.settled();
    expect(texts(next)).toEqual(["message 0"]);
    expect(fake.counts["identify"]).toBe(1);
  });

  test("its owner dies before its progress is kept: Discord still has what was not", async () => {
    const fake = await start();
    const owner = cutOffOwner();
    const receiver = await listening(fake, owner);
    owner.cutOff();
    fake.say({ chat: "ada", text: "message 0" });
    await receiver.until(() => receiver.messages().length === 1);
    await heartbeats(fake, 2);
    fake.cut();
    await receiver.stop();
    fake.say({ chat: "eve", text: "message 1" });

    const next = await listening(fake, { cursor: receiver.cursors.at(-1) });
    await fake.settled();
    expect(texts(next)).toEqual(numbered(2));
    expect(fake.counts["identify"]).toBe(1);
  });

  test("the session is forgotten: what was missed is fetched from chats, servers and threads", async () => {
    const fake = await start();
    fake.openThread("thread", "general");
    const receiver = await listening(fake);
    for (const chat of ["ada", "general"]) fake.say({ chat, text: `${chat} 0`, kind: "group" });
    fake.say({ chat: "bob", text: "bob 0" });
    await fake.settled();
    await receiver.stop();
    fake.forgetSessions();
    fake.say({ chat: "bob", text: "bob 1" });
    fake.say({ chat: "general", text: "general 1", kind: "group" });
    fake.say({ chat: "thread", text: "thread 0", kind: "group" });

    const next = await listening(fake, { cursor: receiver.cursors.at(-1) });
    fake.say({ chat: "bob", text: "bob 2" });
    await fake.settled();
    await next.until(() => texts(next, fake.ids.channel("bob")).includes("bob 2"));
    const fresh = (chat: string) => [...new Set(texts(next, fake.ids.channel(chat)))];
    // The overlap brings the last ones again.
    expect(fresh("bob")).toEqual(["bob 0", "bob 1", "bob 2"]);
    expect(fresh("general")).toEqual(["general 0", "general 1"]);
    expect(fresh("thread")).toEqual(["thread 0"]);
    const missed = next.messages().find(({ text }) => text === "thread 0");
    expect(missed?.chat).toEqual({
      kind: "channel",
      id: fake.ids.channel("thread"),
      parent: fake.ids.channel("general"),
      guild: fake.ids.guild,
    });
    expect(missed?.sender.roles).toEqual([fake.ids.role]);
    expect(fake.violations).toEqual([]);
  });

  test("the new session is lost, too, while what was missed is being fetched", async () => {
    const fake = await start();
    fake.openThread("thread", "news");
    let isFirst = true;
    const receiver = await listening(fake, {
      async onAccept(events) {
        const isNews = events.some((event) => event.type === "message" && event.text === "news 0");
        if (!isNews || !isFirst) return;
        isFirst = false;
        fake.forgetSessions();
        throw new HoldfastError("engine_unavailable", "no majority");
      },
    });
    fake.say({ chat: "bob", text: "bob 0" });
    await fake.settled();
    fake.forgetSessions();
    // Nobody remembers the chat of the first, and the second is fetched before it.
    fake.say({ chat: "news", text: "news 0" });
    fake.say({ chat: "bob", text: "bob 1" });
    await receiver.until(() => texts(receiver).includes("news 0"));
    expect(isFirst).toBe(false);
    expect(texts(receiver)).toContain("bob 1");
  });

  test.each([false, true])(
    "two sessions are lost before a server comes; another is joined meanwhile: %s",
    async (isJoined) => {
      const fake = await start();
      fake.openThread("thread", "news");
      const receiver = await listening(fake);
      fake.say({ chat: "bob", text: "bob 0" });
      await fake.settled();
      fake.takeServerAway(true);
      fake.forgetSessions();
      // Nobody remembers this chat, and the server's outage hides it.
      fake.say({ chat: "news", text: "news 0", kind: "group" });
      await receiver.until(() => receiver.connections() === 2);
      const joined = { id: "123456789012345678", joined_at: new Date().toISOString() };
      if (isJoined) fake.dispatch("GUILD_CREATE", joined);
      fake.say({ chat: "bob", text: "bob 1" });
      await receiver.until(() => texts(receiver).includes("bob 1"));
      fake.forgetSessions();
      await receiver.until(() => receiver.connections() === 3);
      fake.takeServerAway(false);
      await fake.settled();
      expect(texts(receiver)).toContain("news 0");
    },
  );

  test("whoever takes a session over does not know which servers came, and looks at all again", async () => {
    const fake = await start();
    fake.openThread("thread", "news");
    const first = await listening(fake);
    fake.say({ chat: "bob", text: "bob 0" });
    await fake.settled();
    fake.takeServerAway(true);
    fake.forgetSessions();
    fake.say({ chat: "news", text: "news 0", kind: "group" });
    await first.until(() => first.connections() === 2);
    await first.stop();
    const next = await listening(fake, { cursor: first.cursors.at(-1) });
    fake.dispatch("GUILD_CREATE", { id: "123456789012345678" });
    fake.say({ chat: "bob", text: "bob 1" });
    await next.until(() => texts(next).includes("bob 1"));
    fake.forgetSessions();
    await next.until(() => next.connections() === 2);
    fake.takeServerAway(false);
    await fake.settled();
    expect(texts(next)).toContain("news 0");
  });

  test("more than a page was missed", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    fake.say({ chat: "ada", text: "message 0" });
    await fake.settled();
    fake.forgetSessions();
    for (const text of numbered(250, 1)) fake.say({ chat: "ada", text });
    await receiver.until(() => texts(receiver).includes("message 250"));
    expect([...new Set(texts(receiver))]).toEqual(numbered(251));
  });

  test("events are doubled, reordered and sockets dropped, requests refused and answers lost", async () => {
    const fake = await start({
      seed: 3,
      faults: {
        duplicate: 0.2,
        reordered: 0.2,
        dropped: 0.05,
        tooMany: 0.2,
        serverError: 0.2,
        lostAnswer: 0.1,
      },
      speed: 10,
    });
    const receiver = await listening(fake);
    const chats = ["ada", "bob", "eve"];
    for (let round = 0; round < 30; round += 1) {
      for (const chat of chats) fake.say({ chat, text: `${round}` });
      if (round % 10 === 0) await fake.settled();
    }
    await fake.settled();
    for (const chat of chats) {
      const seen = receiver.messages().filter((one) => one.chat.id === fake.ids.channel(chat));
      const unique = [...new Map(seen.map((one) => [one.eventId, one.text])).values()];
      expect(unique).toEqual(Array.from({ length: 30 }, (_, round) => `${round}`));
    }
    expect(fake.violations).toEqual([]);
    expect(fake.counts["dropped"]).toBeGreaterThan(0);
  });
});

test("owners follow each other while everything goes wrong, and no message is missed", async () => {
  const fake = await start({
    seed: 11,
    faults: { duplicate: 0.1, reordered: 0.1, dropped: 0.1, serverError: 0.1 },
    speed: 10,
  });
  const chats = ["ada", "general", "eve"];
  const owners: Receiver[] = [];
  for (let round = 0; round < 8; round += 1) {
    const owner = await listening(fake, { cursor: owners.at(-1)?.cursors.at(-1) });
    owners.push(owner);
    for (let at = 0; at < 5; at += 1) {
      for (const chat of chats) {
        const kind = chat === "general" ? "group" : "direct";
        fake.say({ chat, kind, text: `${round}.${at}` });
      }
    }
    // Some of them are on their way when the owner ends.
    await owner.until(() => owner.messages().length > 0);
    await owner.stop();
    if (round % 3 === 1) fake.forgetSessions();
  }
  const last = await listening(fake, { cursor: owners.at(-1)?.cursors.at(-1) });
  await fake.settled();
  await last.stop();
  const all = [...owners, last].flatMap((owner) => owner.messages());
  for (const chat of chats) {
    const seen = all.filter((message) => message.chat.id === fake.ids.channel(chat));
    const wanted = Array.from({ length: 40 }, (_, at) => `${Math.floor(at / 5)}.${at % 5}`);
    const unique = [...new Map(seen.map((message) => [message.eventId, message.text])).values()];
    expect(unique).toEqual(wanted);
  }
  expect(fake.violations).toEqual([]);
});

describe("the receiver", () => {
  test("ends at once, keeps its cursor, and leaves the session to the next owner", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    fake.say({ chat: "ada", text: "message 0" });
    await receiver.until(() => receiver.messages().length === 1);
    const before = performance.now();
    await receiver.stop();
    expect(performance.now() - before).toBeLessThan(1_000);
    const next = await listening(fake, { cursor: receiver.cursors.at(-1) });
    fake.say({ chat: "ada", text: "message 1" });
    await fake.settled();
    expect(texts(next)).toEqual(["message 1"]);
    expect(fake.counts["identify"]).toBe(1);
  });

  test("keeps the cursor about once a second", async () => {
    const fake = await start();
    const receiver = listen(openAccount(fake, {}, fastClock(1)));
    await receiver.until(() => receiver.connections() > 0);
    for (const text of numbered(30)) {
      fake.say({ chat: "ada", text });
      await receiver.until(() => texts(receiver).includes(text));
    }
    await receiver.stop();
    expect(receiver.cursors.length).toBeLessThan(4);
  });

  test("does not take a session back that another owner has resumed", async () => {
    const fake = await start();
    let isLost = false;
    const first = await listening(fake, {
      async onSave() {
        if (isLost) throw new HoldfastError("ownership_lost", "another node owns the account");
      },
    });
    fake.say({ chat: "ada", text: "message 0" });
    await first.until(() => first.cursors.length > 0 && first.messages().length === 1);
    isLost = true;
    const second = await listening(fake, { cursor: first.cursors.at(-1) });
    await expect(first.ended).rejects.toMatchObject({ code: "ownership_lost" });
    fake.say({ chat: "ada", text: "message 1" });
    await second.until(() => texts(second).includes("message 1"));
    expect(texts(first)).toEqual(["message 0"]);
    expect(fake.counts["resume"]).toBe(1);
    expect(fake.violations).toEqual([]);
  });

  test("ends with a code when the token is refused, by the gateway or before it", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    fake.revoke(true);
    await expect(receiver.ended).rejects.toMatchObject({ code: "account_unauthorized" });
    const next = listen(openAccount(fake));
    await expect(next.ended).rejects.toMatchObject({ code: "account_unauthorized" });
  });

  test("holds one connection over many heartbeats", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    await heartbeats(fake, 4);
    expect(receiver.connections()).toBe(1);
    expect(fake.counts["resume"] ?? 0).toBe(0);
    expect(fake.violations).toEqual([]);
  });

  test("says which switch is missing when its intents are refused, and can do without it", async () => {
    const fake = await start();
    fake.refuseIntents(1 << 15);
    const receiver = listen(openAccount(fake));
    await expect(receiver.ended).rejects.toThrow(/Message Content Intent/);
    const without = listen(openAccount(fake, { messageContent: false }));
    await without.until(() => without.connections() > 0);
    fake.say({ chat: "general", kind: "group", text: "hidden" });
    fake.say({ chat: "general", kind: "group", text: "shown", mentionsAccount: true });
    await without.until(() => without.messages().length === 1);
    expect(texts(without)).toEqual(["shown"]);
  });

  test("counts as disconnected while the gateway is away, but not while it resumes", async () => {
    const fake = await start();
    const receiver = await listening(fake);
    fake.askReconnect();
    await receiver.until(() => receiver.connections() === 2);
    fake.cut();
    await receiver.until(() => receiver.connections() === 3);
    expect(receiver.disconnections).toEqual([]);
    fake.takeGatewayAway(true);
    await receiver.until(() => receiver.disconnections.length > 0);
    fake.takeGatewayAway(false);
    await receiver.until(() => receiver.connections() === 4);
    expect(fake.counts["identify"]).toBe(1);
  });

  test("waits for a gateway that is away, and says so", async () => {
    const fake = await start();
    const opened = openAccount(fake, { gatewayUrl: "ws://127.0.0.1:1" });
    const receiver = listen(opened);
    expect(await opened.reported).toMatch(/connection/);
    await receiver.stop();
    expect(receiver.connections()).toBe(0);
  });
});

test("keeping a cursor that never ends does not hold the end up", async () => {
  const fake = await start();
  const saving = Promise.withResolvers<void>();
  let isKept = false;
  const receiver = await listening(fake, {
    async onSave() {
      if (!isKept) return void (isKept = true);
      saving.resolve();
      await new Promise(() => {});
    },
  });
  fake.cut();
  await saving.promise;
  const before = performance.now();
  await receiver.stop();
  expect(performance.now() - before).toBeLessThan(1_000);
});
