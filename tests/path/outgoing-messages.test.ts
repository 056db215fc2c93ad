import {
  type Account,
  assignmentBucket,
  type Channel,
  type ConversationId,
  encodeJson,
  HoldfastError,
  limits,
  type MessageSource,
  partitionKey,
  type Rate,
  type PieceSend,
  type SendOutcome,
} from "@holdfast/core";
import { createMemoryEngine } from "@holdfast/engine";
import { type PathNode, type PathNodeOptions, startPathNode } from "@holdfast/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createWorld, echoAgent, echoModel, message } from "./path-fixture.ts";

interface Sent {
  readonly send: PieceSend;
  readonly finish: (outcome: SendOutcome) => void;
}

/** A platform of which the test decides when and how each send ends; `|` divides pieces. */
function fakeChannel({ idempotentSends = false, files = "", direct = [] as readonly Rate[] } = {}) {
  const sends: Sent[] = [];
  let decide: (send: PieceSend) => SendOutcome | undefined = () => undefined;
  const channel: Channel = {
    kind: "fake",
    capabilities: {
      threads: false,
      edits: false,
      reactions: false,
      media: { inbound: true, outbound: false },
      typing: false,
      receipts: ["delivered", "read"],
      nativeCommands: false,
      idempotentSends,
      text: { max: 4_000, unit: "utf-16" },
      rates: { account: [], direct, group: [] },
    },
    settings: z.unknown(),
    open: () => ({
      check: async () => ({ ok: true, findings: [] }),
      render: (markdown) =>
        markdown
          .replace("echo: ", "")
          .split("|")
          .map((text) => ({ body: text, text })),
      send: (send) => {
        const { promise, resolve } = Promise.withResolvers<SendOutcome>();
        sends.push({ send, finish: resolve });
        const decided = decide(send);
        if (decided) resolve(decided);
        return promise;
      },
      fetchMedia: async () => ({ mime: "text/plain", data: new TextEncoder().encode(files) }),
    }),
  };
  return {
    channels: new Map([["fake", channel]]),
    sends,
    texts: () => sends.map(({ send }) => send.piece.text),
    decide(next: (send: PieceSend) => SendOutcome | undefined) {
      decide = next;
    },
  };
}

function account(more: Partial<Account> = {}): Account {
  return {
    kind: "Account",
    organization: "acme",
    name: "bot",
    channel: "fake",
    agent: "echo",
    ...more,
  };
}

const source = (chat = "x", more: Partial<MessageSource> = {}): MessageSource => ({
  account: "bot",
  chat: { kind: "direct", id: chat },
  ...more,
});

const fromChat = (text: string, chat = "x", more: Partial<MessageSource> = {}) =>
  message(text, { source: source(chat, more) });

/** Owners of accounts are assigned by a coordinator; these tests have none. */
async function ownAccount(
  engine: ReturnType<typeof createMemoryEngine>,
  node: string,
  epoch: number,
) {
  await engine.keyValue.put(assignmentBucket, "account.acme.bot", encodeJson({ node, epoch }));
}

/** A second node, which owns nothing. */
function otherNode(
  world: ReturnType<typeof createWorld>,
  engine: ReturnType<typeof createMemoryEngine>,
  options: Pick<PathNodeOptions, "channels" | "accounts" | "partitions">,
): Promise<PathNode> {
  return world.run(
    startPathNode({
      engine,
      clock: world.clock,
      random: world.random,
      model: echoModel(),
      agents: [echoAgent],
      node: "other",
      role: "compute",
      ...options,
    }),
  );
}

describe("an outgoing message", () => {
  test("loses no piece when its receipt comes before its outcome is written down", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const node = await world.start({ channels: fake.channels, accounts: [account()] });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    await world.run(node.conversations.submit(fromChat("one|two")));
    await world.clock.runUntil(() => fake.sends.length === 1);
    const [first] = fake.sends;
    if (!first) throw new Error("nothing was sent");
    const news = {
      type: "receipt",
      account: "bot",
      messageId: "p1",
      key: first.send.key,
      state: "delivered",
      at: world.clock.now(),
    } as const;
    // The platform tells that it was delivered before it answers the request.
    await world.run(
      node.conversations.submit(
        message("", { content: { type: "delivery", news }, key: "receipt-1", source: source() }),
      ),
    );
    await world.clock.advance(1_000);
    first.finish({ outcome: "sent", platformId: "p1" });
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    await world.clock.advance(5_000);
    expect(fake.texts()).toEqual(["one", "two"]);
  });

  test("that is held and retried is sent, though the outbox is full and a message waits", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const node = await world.start({
      channels: fake.channels,
      accounts: [account({ onFailure: "wait" })],
    });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    fake.decide(() => ({ outcome: "failed", reason: "blocked" }));
    for (let n = 0; n <= 100; n += 1) {
      await world.run(node.conversations.submit(fromChat(`m${n}`)));
      await world.clock.advance(100);
    }
    const waiting = await world.run(node.conversations.deliveries(message("")));
    expect(waiting).toHaveLength(100);
    expect(waiting[0]).toMatchObject({ isHeld: true });
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    await world.run(node.conversations.changeDelivery(message(""), waiting[0]?.id ?? "", "retry"));
    await world.clock.advance(60_000);
    expect(fake.texts().at(-1)).toBe("m100");
  });

  test("that was added while the one before it was ending is sent by the next owner", async () => {
    const world = createWorld();
    const fake = fakeChannel({ idempotentSends: true });
    const inner = createMemoryEngine(world.store, { clock: world.clock });
    let onAppend = async () => {};
    const engine = {
      ...inner,
      messageLog: {
        ...inner.messageLog,
        append: async (...args: Parameters<typeof inner.messageLog.append>) => {
          const text = new TextDecoder("latin1").decode(args[1]);
          if (args[0].startsWith("journal") && text.includes("turn") && text.includes("second")) {
            await onAppend();
          }
          return inner.messageLog.append(...args);
        },
      },
    };
    const options = { channels: fake.channels, accounts: [account()] };
    const node = await world.start({ ...options, engine });
    await world.run(ownAccount(inner, node.name, 1));
    await world.run(node.conversations.submit(fromChat("first")));
    await world.clock.runUntil(() => fake.sends.length === 1);
    onAppend = async () => {
      onAppend = async () => {};
      // The platform answers while the turn's record is on its way to the journal.
      fake.sends[0]?.finish({ outcome: "sent", platformId: "p1" });
      await new Promise<void>((resolve) => world.clock.schedule(20, resolve));
    };
    await world.run(node.conversations.submit(fromChat("second")));
    await world.clock.runUntil(() => fake.sends.length === 2);
    expect(fake.texts()).toEqual(["first", "second"]);
    await node.close();
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    const next = await world.start(options);
    await world.run(ownAccount(inner, next.name, 2));
    await world.clock.advance(120_000);
    expect(fake.texts()).toEqual(["first", "second", "second"]);
  });

  test("that is being sent when its partition moves in good order ends as sent", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const options = { channels: fake.channels, accounts: [account()], partitions: 1 };
    const node = await world.start(options);
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    const other = await otherNode(world, engine, options);
    await world.run(ownAccount(engine, node.name, 1));
    await world.run(node.conversations.submit(fromChat("hello")));
    await world.clock.runUntil(() => fake.sends.length === 1);
    // They have heard of each other.
    await world.clock.advance(1_000);
    const moved = { node: "other", epoch: 2, from: node.name };
    await world.run(engine.keyValue.put(assignmentBucket, partitionKey(0), encodeJson(moved)));
    // Less than `sendHandOverMs`.
    await world.clock.advance(600);
    fake.sends[0]?.finish({ outcome: "sent", platformId: "p1" });
    await world.clock.advance(10_000);
    const [delivery] = await world.run(other.conversations.deliveries(message("")));
    expect(delivery).toMatchObject({ state: "sent" });
  });

  test("is sent beside a bounded number of others, and a move flags none that waited", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const options = { channels: fake.channels, accounts: [account()], partitions: 1 };
    const node = await world.start(options);
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    const other = await otherNode(world, engine, options);
    await world.run(ownAccount(engine, node.name, 1));
    const chats = Array.from({ length: limits.accountSendsInFlight + 20 }, (_, number) => ({
      chat: `chat${number}`,
      conversation: `c${number}` as ConversationId,
    }));
    for (const { chat, conversation } of chats) {
      const said = { source: source(chat), conversation };
      await world.run(node.conversations.submit(message("hello", said)));
    }
    await world.clock.advance(1_000);
    expect(fake.sends).toHaveLength(limits.accountSendsInFlight);
    fake.sends[0]?.finish({ outcome: "sent", platformId: "p0" });
    await world.clock.runUntil(() => fake.sends.length === limits.accountSendsInFlight + 1);
    const moved = { node: "other", epoch: 2, from: node.name };
    await world.run(engine.keyValue.put(assignmentBucket, partitionKey(0), encodeJson(moved)));
    await world.clock.advance(100);
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    for (const { finish } of fake.sends) finish({ outcome: "sent", platformId: "p" });
    await world.clock.advance(20_000);
    expect(fake.sends).toHaveLength(chats.length);
    for (const { conversation } of chats) {
      const [delivery] = await world.run(
        other.conversations.deliveries({ ...message(""), conversation }),
      );
      expect(delivery?.state, conversation).toBe("sent");
    }
  });

  test.each([
    ["of another account, whose platform does not answer", "calm", undefined],
    ["that wait for their next try", "bot", { outcome: "retry", reason: "down" } as const],
  ])("is not kept by those %s", async (_, free, answer) => {
    const world = createWorld();
    const fake = fakeChannel();
    const bots = ["bot", "calm"].map((name) => account({ name }));
    const node = await world.start({ channels: fake.channels, accounts: bots, partitions: 1 });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    for (const name of ["bot", "calm"]) {
      const owned = encodeJson({ node: node.name, epoch: 1 });
      await world.run(engine.keyValue.put(assignmentBucket, `account.acme.${name}`, owned));
    }
    fake.decide(() => answer);
    const say = (name: string, number: number) => {
      const said = {
        source: { ...source(`chat${number}`), account: name },
        conversation: `c${number}` as ConversationId,
      };
      return world.run(node.conversations.submit(message(name, said)));
    };
    for (let number = 1; number <= limits.accountSendsInFlight + 20; number += 1) {
      await say("bot", number);
    }
    await world.clock.advance(2_000);
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    const before = fake.sends.length;
    await say(free, 0);
    await world.clock.runUntil(() => fake.sends.length > before);
    expect(fake.sends.map(({ send }) => send.chat.id)).toContain("chat0");
  });

  test("keeps the rate, and can be discarded, when it had to wait for slow ones", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const rates = { account: [{ count: 10, perMs: 1_000 }] };
    const bot = account({ rates });
    const node = await world.start({ channels: fake.channels, accounts: [bot], partitions: 1 });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    const asked = (number: number) =>
      message("hello", {
        source: source(`chat${number}`),
        conversation: `c${number}` as ConversationId,
      });
    const count = limits.accountSendsInFlight + 60;
    for (let number = 0; number < count; number += 1) {
      await world.run(node.conversations.submit(asked(number)));
    }
    // Time enough to permit them all; the platform answers none.
    await world.clock.advance(30_000);
    expect(fake.sends).toHaveLength(limits.accountSendsInFlight);
    const isSent = new Set(fake.sends.map(({ send }) => send.chat.id));
    const waiting = Array.from({ length: count }, (_, number) => number).filter(
      (number) => !isSent.has(`chat${number}`),
    );
    const discarded = waiting.filter((_, place) => place % 2 === 0);
    for (const number of discarded) {
      const [delivery] = await world.run(node.conversations.deliveries(asked(number)));
      await world.run(
        node.conversations.changeDelivery(asked(number), delivery?.id ?? "", "discard"),
      );
    }
    const sentAt: number[] = [];
    fake.decide(({ key }) => {
      sentAt.push(world.clock.monotonic());
      return { outcome: "sent", platformId: key };
    });
    for (const { finish } of fake.sends) finish({ outcome: "sent", platformId: "p" });
    await world.clock.advance(30_000);
    expect(sentAt).toHaveLength(waiting.length - discarded.length);
    for (const [place, at] of sentAt.slice(10).entries()) {
      expect(at - (sentAt[place] ?? 0)).toBeGreaterThan(1_000);
    }
    const chats = fake.sends.map(({ send }) => send.chat.id);
    expect(discarded.filter((number) => chats.includes(`chat${number}`))).toEqual([]);
  });

  test("that failed is listed for its owner, though the engine was away just then", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const inner = createMemoryEngine(world.store, { clock: world.clock });
    const bucket = "failed-deliveries";
    let refusals = 5;
    const put: typeof inner.keyValue.put = async (name, ...rest) => {
      if (name === bucket && refusals > 0) {
        refusals -= 1;
        throw new HoldfastError("engine_unavailable", "away");
      }
      return inner.keyValue.put(name, ...rest);
    };
    const engine = { ...inner, keyValue: { ...inner.keyValue, put } };
    const options = { channels: fake.channels, accounts: [account()] };
    const node = await world.start({ ...options, engine });
    await world.run(ownAccount(inner, node.name, 1));
    fake.decide(() => ({ outcome: "failed", reason: "blocked" }));
    await world.run(node.conversations.submit(fromChat("hello")));
    await world.clock.advance(60_000);
    const listed: string[] = [];
    await world.run(
      (async () => {
        for await (const { key } of inner.keyValue.list(bucket, "acme")) listed.push(key);
      })(),
    );
    expect(refusals).toBe(0);
    expect(listed).toHaveLength(1);
  });

  test("leaves nothing counted as unanswered at the nodes that take its receipts", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const options = { channels: fake.channels, accounts: [account()], partitions: 1 };
    await world.start(options);
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    const other = await otherNode(world, engine, options);
    for (let number = 0; number < 20; number += 1) {
      const news = {
        type: "receipt",
        account: "bot",
        messageId: `p${number}`,
        state: "delivered",
        at: world.clock.now(),
      } as const;
      const receipt = {
        content: { type: "delivery", news },
        key: `r${number}`,
        source: source(),
      } as const;
      await world.run(other.conversations.submit(message("", receipt)));
    }
    await world.clock.advance(1_000);
    expect(other.pending.size).toBe(0);
    // A text that needs no turn, and a message that comes once more after it was answered.
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    await world.run(ownAccount(engine, "other", 1));
    const notice = {
      content: { type: "notice", text: "code" },
      key: "n",
      source: source(),
    } as const;
    await world.run(other.conversations.submit(message("", notice)));
    for (let time = 0; time < 2; time += 1) {
      await world.run(other.conversations.submit({ ...fromChat("hello"), key: "event" }));
      await world.clock.advance(20_000);
    }
    expect(fake.texts()).toEqual(["code", "hello"]);
    expect(other.pending.size).toBe(0);
  });

  test("that the platform refuses later is among the failed deliveries", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const node = await world.start({ channels: fake.channels, accounts: [account()] });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    fake.decide(() => ({ outcome: "sent", platformId: "p1" }));
    await world.run(node.conversations.submit(fromChat("hello")));
    await world.clock.advance(1_000);
    const news = {
      type: "receipt",
      account: "bot",
      messageId: "p1",
      state: "failed",
      reason: "outside the window",
      at: world.clock.now(),
    } as const;
    await world.run(
      node.conversations.submit(
        message("", { content: { type: "delivery", news }, key: "receipt-1", source: source() }),
      ),
    );
    await world.clock.advance(1_000);
    const [delivery] = await world.run(node.conversations.deliveries(message("")));
    expect(delivery).toMatchObject({ state: "failed" });
    expect(
      await world.run(node.channels?.failures.list("acme") ?? Promise.resolve([])),
    ).toHaveLength(1);
  });

  test("of one chat is not marked as read, or lost, by a receipt of another chat", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const node = await world.start({ channels: fake.channels, accounts: [account()] });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    await world.run(node.conversations.submit(fromChat("one|two", "x")));
    await world.clock.runUntil(() => fake.sends.length === 1);
    await world.run(node.conversations.submit(fromChat("three|four", "y")));
    await world.clock.runUntil(() => fake.sends.length === 2);
    fake.sends[1]?.finish({ outcome: "sent", platformId: "p3" });
    await world.clock.runUntil(() => fake.sends.length === 3);
    const news = {
      type: "receipt",
      account: "bot",
      messageId: "p3",
      state: "read",
      at: world.clock.now(),
    } as const;
    await world.run(
      node.conversations.submit(
        message("", { content: { type: "delivery", news }, key: "receipt-1", source: source("y") }),
      ),
    );
    await world.clock.advance(1_000);
    const [inX] = await world.run(node.conversations.deliveries(message("")));
    expect(inX?.pieces[0]).toMatchObject({ state: "started" });
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    fake.sends[0]?.finish({ outcome: "sent", platformId: "p1" });
    fake.sends[2]?.finish({ outcome: "sent", platformId: "p4" });
    await world.clock.advance(5_000);
    expect(fake.texts()).toEqual(["one", "three", "four", "two"]);
  });

  test("leaves room for the turns that waited for it when all of its chat failed", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    const model = echoModel();
    const node = await world.start({ channels: fake.channels, accounts: [account()], model });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    for (let n = 0; n < 101; n += 1) {
      await world.run(node.conversations.submit(fromChat(`m${n}`, n < 60 ? "x" : "y")));
      await world.clock.advance(100);
    }
    expect(model.requests).toHaveLength(100);
    fake.sends[0]?.finish({ outcome: "failed", reason: "blocked" });
    await world.clock.advance(60_000);
    expect(await world.run(node.conversations.deliveries(message("")))).not.toHaveLength(0);
    expect(model.requests).toHaveLength(101);
  });

  test("waits for a person where the account says so, also when its credentials were refused for too long", async () => {
    const usual = limits.deliveryMaxMs;
    // A day of heartbeats takes long, even where time is virtual.
    Object.assign(limits, { deliveryMaxMs: 10 * 60_000 });
    onTestFinished(() => void Object.assign(limits, { deliveryMaxMs: usual }));
    const world = createWorld();
    const fake = fakeChannel();
    const node = await world.start({
      channels: fake.channels,
      accounts: [account({ onFailure: "wait" })],
    });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    fake.decide(() => ({ outcome: "unauthorized", reason: "revoked" }));
    await world.run(node.conversations.submit(fromChat("hello")));
    await world.clock.advance(11 * 60_000);
    const [delivery] = await world.run(node.conversations.deliveries(message("")));
    expect(delivery).toMatchObject({ isHeld: true });
  });

  test("is not held back because those before it were read a moment ago", async () => {
    const world = createWorld();
    const fake = fakeChannel({ direct: [{ count: 3, perMs: 60_000 }] });
    const node = await world.start({ channels: fake.channels, accounts: [account()] });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    for (const text of ["a", "b", "c"]) {
      await world.run(node.conversations.submit(fromChat(text)));
      await world.clock.advance(3_600_000);
    }
    expect(fake.sends).toHaveLength(3);
    const messageId = fake.sends[2]?.send.key ?? "";
    const news = {
      type: "receipt",
      account: "bot",
      messageId,
      state: "read",
      at: world.clock.now(),
    } as const;
    await world.run(
      node.conversations.submit(
        message("", { content: { type: "delivery", news }, key: "receipt-1", source: source() }),
      ),
    );
    await world.run(node.conversations.submit(fromChat("d")));
    await world.clock.advance(10_000);
    expect(fake.texts()).toEqual(["a", "b", "c", "d"]);
  });

  test("is not sent again once the platform may have forgotten its key, though a try in between was refused", async () => {
    const world = createWorld();
    const fake = fakeChannel({ idempotentSends: true });
    const options = { channels: fake.channels, accounts: [account()] };
    const node = await world.start(options);
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    await world.run(node.conversations.submit(fromChat("hello")));
    await world.clock.runUntil(() => fake.sends.length === 1);
    const began = world.clock.now();
    // The platform has taken it, and the node dies before it knows.
    await node.close();
    const next = await world.start(options);
    await world.run(ownAccount(engine, next.name, 2));
    fake.decide(() => ({ outcome: "retry", reason: "429", afterMs: 300_000 }));
    await world.clock.advance(400_000);
    expect(fake.sends.map(({ send }) => (send.firstTriedAt ?? began) <= began + 1_000)).toEqual([
      true,
      true,
      true,
    ]);
    // Without it the channel cannot know that the key is old.
    expect(fake.sends[2]?.send).toHaveProperty("firstTriedAt");
  });
});

describe("a dead letter that came from a chat", () => {
  test("is answered in the chat when it is replayed", async () => {
    const world = createWorld();
    const fake = fakeChannel();
    let isBroken = true;
    const echo = echoModel();
    const model = {
      async *stream(...args: Parameters<typeof echo.stream>) {
        if (isBroken) throw new HoldfastError("invalid_request", "the model refuses it");
        yield* echo.stream(...args);
      },
    };
    const node = await world.start({ channels: fake.channels, accounts: [account()], model });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    await world.run(node.conversations.submit(fromChat("hello")));
    await world.clock.advance(200_000);
    const [letter] = await world.run(node.conversations.deadLetters("acme"));
    isBroken = false;
    await world.run(node.conversations.replay("acme", letter?.id ?? ""));
    await world.clock.advance(5_000);
    expect(fake.texts()).toEqual(["hello"]);
  });
});

describe("a message with text files", () => {
  test("is answered though its text is long, too", async () => {
    const world = createWorld();
    const fake = fakeChannel({ files: "x".repeat(64 * 1024) });
    const node = await world.start({
      channels: fake.channels,
      accounts: [account()],
      model: { stream: briefly },
    });
    const engine = createMemoryEngine(world.store, { clock: world.clock });
    await world.run(ownAccount(engine, node.name, 1));
    fake.decide(({ key }) => ({ outcome: "sent", platformId: key }));
    await world.run(node.conversations.submit(fromChat("\u4e00".repeat(60_000), "x", { media })));
    await world.clock.advance(300_000);
    expect(await world.run(node.conversations.deadLetters("acme"))).toEqual([]);
    expect(fake.texts()).toEqual(["seen"]);
  });
});

const media = Array.from({ length: 10 }, (_, n) => ({ kind: "file" as const, source: `f${n}` }));

async function* briefly() {
  yield { type: "text" as const, text: "seen" };
  yield {
    type: "finish" as const,
    reason: "stop" as const,
    usage: { inputTokens: 1, outputTokens: 1 },
    model: "demo/echo",
  };
}
