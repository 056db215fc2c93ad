import { createHmac } from "node:crypto";
import type { InboundEvent, InboundMessageEvent, WebhookAnswer } from "@holdfast/core";
import { type FakeSlack, startFakeSlack } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  messagesIn,
  openAccount,
  sendOf,
  startReceiver,
  textsOnce,
  webhookRequest,
} from "./testing/harness.ts";

let fake: FakeSlack;

beforeEach(async () => {
  fake = await startFakeSlack();
});
afterEach(() => fake.close());

type Receiver = Awaited<ReturnType<typeof startReceiver>>;

async function withReceiver(use: (receiver: Receiver) => Promise<void>): Promise<void> {
  const receiver = await startReceiver(openAccount(fake, "webhook").account);
  fake.deliverTo([receiver.url]);
  try {
    await use(receiver);
  } finally {
    await receiver.close();
  }
}

async function answerTo(
  body: string,
  headers: Readonly<Record<string, string | undefined>> = {},
  at = Math.floor(Date.now() / 1_000),
): Promise<WebhookAnswer> {
  const { account } = openAccount(fake, "webhook");
  const signature = createHmac("sha256", fake.signingSecret)
    .update(`v0:${at}:${body}`)
    .digest("hex");
  const answer = await account.webhook?.(
    webhookRequest(
      {
        "content-type": "application/json",
        "x-slack-request-timestamp": String(at),
        "x-slack-signature": `v0=${signature}`,
        ...headers,
      },
      body,
    ),
  );
  if (answer === undefined) throw new Error("The account has no webhook.");
  return answer;
}

function callback(event: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ type: "event_callback", team_id: "T1", api_app_id: "A1", event });
}

async function eventOf(
  event: Readonly<Record<string, unknown>>,
): Promise<InboundEvent | undefined> {
  const { events } = await answerTo(callback(event));
  return events[0];
}

const written = {
  type: "message",
  channel: "C1",
  user: "U1",
  ts: "1700000000.000100",
  text: "hello",
};

describe("a request that Slack did not sign", () => {
  const body = JSON.stringify({ type: "url_verification", challenge: "c" });
  const now = () => Math.floor(Date.now() / 1_000);

  test.each<[string, Readonly<Record<string, string | undefined>>, number]>([
    ["without a signature", { "x-slack-signature": undefined }, 0],
    ["with a wrong signature", { "x-slack-signature": `v0=${"0".repeat(64)}` }, 0],
    ["with a cut signature", { "x-slack-signature": "v0=12" }, 0],
    ["without a time", { "x-slack-request-timestamp": undefined }, 0],
    ["with the time of another", { "x-slack-request-timestamp": String(now() - 1) }, 0],
    ["of six minutes ago", {}, -360],
    ["of six minutes ahead", {}, 360],
  ])("%s is refused", async (_, headers, seconds) => {
    await expect(answerTo(body, headers, now() + seconds)).rejects.toMatchObject({
      code: "webhook_unverified",
    });
  });

  test("with a changed or truncated body is refused, and nothing of it is read", async () => {
    const { account } = openAccount(fake, "webhook");
    const signed = fake.signed({ type: "events_api", body: JSON.parse(callback(written)) });
    for (const changed of [`${signed.body} `, signed.body.slice(0, -9), "not json", ""]) {
      await expect(
        account.webhook?.(webhookRequest(signed.headers, changed)),
      ).rejects.toMatchObject({
        code: "webhook_unverified",
      });
    }
  });

  test("with an empty secret of the account is refused, however it is signed", async () => {
    const { account } = openAccount(fake, "webhook", { env: { SLACK_SIGNING_SECRET: "" } });
    const at = String(now());
    const signature = createHmac("sha256", "").update(`v0:${at}:${body}`).digest("hex");
    const headers = { "x-slack-request-timestamp": at, "x-slack-signature": `v0=${signature}` };
    await expect(account.webhook?.(webhookRequest(headers, body))).rejects.toMatchObject({
      code: "webhook_unverified",
    });
  });
});

describe("a signed request", () => {
  test("of the address's verification is answered with its challenge", async () => {
    const answer = await answerTo(
      JSON.stringify({ type: "url_verification", challenge: "3eZbrw1" }),
    );
    expect(answer).toMatchObject({ status: 200, body: "3eZbrw1", events: [] });
    expect(answer.headers?.["content-type"]).toContain("text/plain");
  });

  test.each(["not json", "[]", "{}", '{"type":"url_verification"}'])(
    "%s is invalid",
    async (body) => {
      await expect(answerTo(body)).rejects.toMatchObject({ code: "invalid_request" });
    },
  );

  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["of an unknown event", { type: "moon_phase_changed" }, "unknown_event"],
    ["of a message in an unknown shape", { ...written, ts: 5 }, "unknown_event"],
    ["of an edit", { ...written, subtype: "message_changed" }, "edited"],
    ["of a deletion", { ...written, subtype: "message_deleted" }, "edited"],
    ["of somebody who joined", { ...written, subtype: "channel_join" }, "automatic"],
    ["of an old bot", { ...written, subtype: "bot_message", bot_id: "B1" }, "bot"],
    ["of the account's own message", { ...written, user: "U0FAKEBOT" }, "own_message"],
    [
      "of its own message by its bot id",
      { ...written, user: undefined, bot_id: "B0FAKEBOT" },
      "own_message",
    ],
  ])("%s is ignored", async (_, event, what) => {
    expect(await eventOf(event)).toEqual({ type: "ignored", what });
  });

  test("of a type of tomorrow is ignored", async () => {
    const { events } = await answerTo(JSON.stringify({ type: "something_else" }));
    expect(events).toEqual([{ type: "ignored", what: "unknown_event" }]);
  });

  test("of a reply in a thread names the thread; one of its first message does not", async () => {
    const thread = "1699999999.000100";
    expect(await eventOf({ ...written, thread_ts: thread })).toMatchObject({
      chat: { kind: "channel", id: "C1", thread, team: "T1" },
      mentionsAccount: false,
    });
    expect(
      await eventOf({ ...written, thread_ts: thread, parent_user_id: "U0FAKEBOT" }),
    ).toMatchObject({
      mentionsAccount: true,
    });
    const first = await eventOf({ ...written, thread_ts: written.ts, subtype: "thread_broadcast" });
    expect(first).toMatchObject({ chat: { id: "C1" }, text: "hello" });
    expect(first).not.toHaveProperty("chat.thread");
  });

  test("of another bot's message says so", async () => {
    // Whoever posts chooses the username: it must open nothing.
    const event = {
      ...written,
      bot_id: "B7",
      bot_profile: { name: "<b>Bot</b>" },
      username: "ada",
    };
    const { sender } = (await eventOf(event)) as InboundMessageEvent;
    expect(sender).toEqual({ id: "U1", name: "<b>Bot</b>", isBot: true });
  });

  test("is read although the profile that comes with it cannot be", async () => {
    const event = { ...written, user_profile: { real_name: null }, bot_profile: "none" };
    expect(await eventOf(event)).toMatchObject({ sender: { id: "U1" }, text: "hello" });
  });

  test("with files refers to them, without those that are gone or elsewhere", async () => {
    const file = {
      id: "F1",
      name: "a.png",
      mimetype: "image/png",
      size: 9,
      url_private: "https://files.slack.com/a",
    };
    const files = [
      file,
      { ...file, mode: "tombstone" },
      { ...file, is_external: true },
      7,
      { id: "F2" },
    ];
    expect(await eventOf({ ...written, subtype: "file_share", files })).toMatchObject({
      media: [
        {
          kind: "image",
          source: "https://files.slack.com/a",
          name: "a.png",
          mime: "image/png",
          bytes: 9,
        },
        { kind: "file", source: "F2" },
      ],
    });
  });

  test("with null where Slack has nothing is read as without it", async () => {
    const nothing = { text: null, files: null, thread_ts: null, subtype: null, attachments: null };
    const event = await eventOf({ ...written, parent_user_id: null, app_id: null, ...nothing });
    expect(event).toMatchObject({ type: "message", text: "", media: [], chat: { id: "C1" } });
    expect(event).not.toHaveProperty("chat.thread");
    const file = { id: "F1", mimetype: null, size: null, mode: null, url_private: null };
    expect(await eventOf({ ...written, files: [file] })).toMatchObject({
      media: [{ kind: "file", source: "F1" }],
    });
    const bot = { ...written, user: null, bot_id: "B7", bot_profile: { name: null } };
    expect(await eventOf(bot)).toMatchObject({ sender: { id: "B7", isBot: true } });
  });

  test("that forwards messages has their text and files, but no previews", async () => {
    const file = { id: "F1", mimetype: "image/png" };
    const attachments = [
      { is_share: true, text: "1 &lt; 2", fallback: "[today] grace: 1 < 2", files: [file] },
      { is_share: true, text: null, fallback: "[today] ada: a card" },
      { is_share: true, text: "", fallback: "[today] ada", files: [{ id: "F2" }] },
      { is_msg_unfurl: true, text: "a preview" },
      "something else",
    ];
    const forwarded = "1 < 2\n\n[today] ada: a card";
    const media = [
      { kind: "image", source: "F1" },
      { kind: "file", source: "F2" },
    ];
    expect(await eventOf({ ...written, text: "", attachments })).toMatchObject({
      text: forwarded,
      media,
    });
    const commented = await eventOf({ ...written, text: "<@U0FAKEBOT> look", attachments });
    expect(commented).toMatchObject({ text: `look\n\n${forwarded}`, mentionsAccount: true });
    const shared = [{ is_share: true, text: "<@U0FAKEBOT> old" }];
    const old = await eventOf({ ...written, text: "", attachments: shared });
    expect(old).toMatchObject({
      mentionsAccount: false,
      text: expect.stringMatching(/^@\S+ old$/),
    });
  });

  test("tells the time and the order of the message", async () => {
    expect(await eventOf(written)).toMatchObject({
      eventId: "message:C1:1700000000.000100",
      messageId: "1700000000.000100",
      order: 1_700_000_000_000_100,
      sentAt: 1_700_000_000_000,
    });
  });

  test("is read while Slack's API is away, when it tells whose it is itself", async () => {
    fake.revoke(true);
    const authorizations = [{ user_id: "U0FAKEBOT", is_bot: true }];
    const body = {
      ...JSON.parse(callback({ ...written, text: "<@U0FAKEBOT> hi" })),
      authorizations,
    };
    const { events } = await answerTo(JSON.stringify(body));
    expect(events).toMatchObject([{ text: "hi", mentionsAccount: true }]);
    await expect(answerTo(callback(written))).rejects.toMatchObject({
      code: "channel_unavailable",
    });
  });
});

describe("what people write", () => {
  test("comes with their names, decoded, and without the mention at the beginning", async () => {
    await withReceiver(async ({ events }) => {
      fake.say({
        chat: "room",
        kind: "group",
        sender: "U0ADA",
        senderName: "<b>Ada</b> & 👩‍🚀",
        text: "1 < 2 & שלום",
        mentionsAccount: true,
      });
      await fake.settled();
      const [first, second] = messagesIn(events);
      expect(first).toMatchObject({
        chat: { kind: "channel", id: fake.channelOf("room") },
        sender: { id: "U0ADA", name: "<b>Ada</b> & 👩‍🚀", isBot: false },
        text: "1 < 2 & שלום",
        mentionsAccount: true,
      });
      // The mention came as `app_mention`, too: the same event.
      expect(second).toEqual(first);
    });
  });

  test("has the same event id at every redelivery, and keeps its order in a chat", async () => {
    fake.faults = { dropped: 0.4, duplicate: 0.4, reordered: 0.3 };
    await withReceiver(async ({ events }) => {
      const texts = Array.from({ length: 12 }, (_, index) => `message ${index}`);
      for (const text of texts) fake.say({ chat: "ada", text });
      fake.say({ chat: "grace", text: "elsewhere" });
      await fake.settled();
      expect(messagesIn(events).length).toBeGreaterThan(texts.length);
      expect(textsOnce(events).filter((text) => text !== "elsewhere")).toEqual(texts);
      expect(fake.counts["retries"]).toBeGreaterThan(0);
    });
  });

  test("is all that counts: the account's own messages come back, and are ignored", async () => {
    await withReceiver(async ({ events }) => {
      const { account } = openAccount(fake, "webhook");
      const never = new AbortController().signal;
      const send = sendOf(account, fake.channelOf("ada"), "hello");
      await account.send(send, never);
      fake.say({ chat: "ada", text: "and now me" });
      await fake.settled();
      expect(events).toMatchObject([
        { what: "own_message" },
        { type: "message", text: "and now me" },
      ]);
    });
  });

  test("arrives although its body comes slowly", async () => {
    fake.faults = { slow: 1 };
    await withReceiver(async ({ events }) => {
      fake.say({ chat: "ada", text: "slowly" });
      await fake.settled();
      expect(textsOnce(events)).toEqual(["slowly"]);
    });
  });

  test("as a command, or by a button, is a message", async () => {
    await withReceiver(async ({ events }) => {
      fake.slashCommand("ada", "what is new?");
      fake.pressButton("ada", "approve");
      await fake.settled();
      expect(messagesIn(events)).toMatchObject([
        {
          text: "what is new?",
          mentionsAccount: true,
          eventId: expect.stringMatching(/^command:/),
        },
        {
          text: "approve",
          messageId: "1700000000.000100",
          eventId: expect.stringMatching(/^action:/),
        },
      ]);
    });
  });
});
