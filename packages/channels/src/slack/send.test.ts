import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { SendOutcome } from "@holdfast/core";
import { type FakeSlack, startFakeSlack } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openAccount, sendOf } from "./testing/harness.ts";

const speed = 20;
const never = new AbortController().signal;
let fake: FakeSlack;
let channel: string;

beforeEach(async () => {
  fake = await startFakeSlack({ speed: 1_000 });
  channel = fake.channelOf("ada");
});
afterEach(() => fake.close());

function open(settings?: Readonly<Record<string, unknown>>) {
  const { account } = openAccount(fake, "webhook", { speed, ...(settings ? { settings } : {}) });
  return account;
}

/** A server that is not Slack, or Slack when it is ill. */
async function withServer(server: Server, use: (apiUrl: string) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`);
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

describe("a send", () => {
  test("shows the text, in its thread, without previews, and carries its key", async () => {
    const account = open();
    const send = sendOf(account, channel, "**Fine** & <b>dandy</b>", {
      chat: { kind: "direct", id: channel, thread: "1700000000.000100" },
    });
    const outcome = await account.send(send, never);
    const [shown] = fake.shown("ada");
    expect(outcome).toEqual({ outcome: "sent", platformId: shown?.platformId });
    expect(shown?.raw).toMatchObject({
      thread_ts: "1700000000.000100",
      unfurl_links: "false",
      unfurl_media: "false",
    });
    expect(JSON.stringify(shown?.raw)).toContain("k-1");
    expect(fake.violations).toEqual([]);
  });

  test("of emoji, right-to-left text and markup passes Slack's rules", async () => {
    const account = open();
    for (const text of [
      "👩‍👩‍👧 שלום *x*",
      "a < b && c > d",
      "[x](https://example.org/?a=1&b=2) `<&>`",
    ]) {
      expect(await account.send(sendOf(account, channel, text), never)).toMatchObject({
        outcome: "sent",
      });
    }
    expect(fake.violations).toEqual([]);
  });

  test.each([
    ["invalid_auth", "unauthorized"],
    ["token_revoked", "unauthorized"],
    ["account_inactive", "unauthorized"],
    ["missing_scope", "unauthorized"],
    ["channel_not_found", "failed"],
    ["is_archived", "failed"],
    ["not_in_channel", "failed"],
    ["no_permission", "failed"],
    ["msg_too_long", "failed"],
    ["service_unavailable", "retry"],
    ["ratelimited", "retry"],
    ["fatal_error", "unknown"],
    ["internal_error", "unknown"],
    ["a_word_of_tomorrow", "unknown"],
  ] as const)("that Slack refuses with %s is %s", async (error, outcome) => {
    const account = open();
    fake.answerNext("chat.postMessage", { status: 200, body: { ok: false, error } });
    expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({ outcome });
    expect(fake.counts["chat.postMessage"]).toBe(1);
  });

  test("that Slack refuses with its own words and status 503 is tried again", async () => {
    fake.faults = { serverError: 1 };
    const account = open();
    expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({
      outcome: "retry",
    });
  });

  test("over the rate waits as long as Slack says", async () => {
    const account = open();
    fake.answerNext("chat.postMessage", {
      status: 429,
      headers: { "retry-after": "7" },
      body: { ok: false, error: "ratelimited" },
    });
    expect(await account.send(sendOf(account, channel, "hello"), never)).toEqual({
      outcome: "retry",
      reason: expect.any(String),
      afterMs: 7_000,
      scope: "account",
    });
    fake.answerNext("chat.postMessage", { status: 429, body: {} });
    expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({
      outcome: "retry",
      afterMs: 5_000,
    });
  });

  test("to a chat that is gone fails, with credentials taken away waits", async () => {
    const account = open();
    fake.block("ada");
    expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({
      outcome: "failed",
    });
    fake.revoke(true);
    expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({
      outcome: "unauthorized",
    });
    const { account: keyless } = openAccount(fake, "webhook", {
      settings: { botToken: { fromEnv: "NOT_SET" } },
    });
    expect(await keyless.send(sendOf(keyless, channel, "hello"), never)).toMatchObject({
      outcome: "unauthorized",
    });
  });

  test("that nothing of was written is tried again", async () => {
    const server = createServer();
    let gone = "";
    await withServer(server, (url) => {
      gone = url;
      return Promise.resolve();
    });
    const account = open({ apiUrl: gone });
    expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({
      outcome: "retry",
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    const nowhere = open({ apiUrl: "http://no-such-host.invalid/api/" });
    expect(await nowhere.send(sendOf(nowhere, channel, "hello"), never)).toMatchObject({
      outcome: "retry",
    });
    expect(await open().send(sendOf(account, channel, "hello"), AbortSignal.abort())).toMatchObject(
      {
        outcome: "retry",
      },
    );
    expect(fake.shown("ada")).toEqual([]);
  });

  test("that ends before its connection is encrypted is tried again", async () => {
    await withServer(createServer(), async (apiUrl) => {
      const account = open({ apiUrl: apiUrl.replace("http:", "https:") });
      expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({
        outcome: "retry",
      });
    });
  });

  test.each<[string, (server: Server) => void]>([
    [
      "502 of a gateway",
      (server) =>
        server.on("request", (_, response) => response.writeHead(502).end("<h1>Bad</h1>")),
    ],
    [
      "a page instead of an answer",
      (server) => server.on("request", (_, response) => response.end("<h1>Hm</h1>")),
    ],
    ["a cut", (server) => server.on("request", (request) => request.socket.destroy())],
    [
      "half an answer",
      (server) =>
        server.on("request", (request, response) => {
          response.writeHead(200, { "content-length": "100" }).write('{"ok":');
          request.on("end", () => request.socket.destroy()).resume();
        }),
    ],
    ["silence", (server) => server.on("request", () => {})],
  ])("answered with %s has an unknown outcome", async (_, behave) => {
    const server = createServer();
    behave(server);
    await withServer(server, async (apiUrl) => {
      const account = open({ apiUrl });
      const outcome = await account.send(sendOf(account, channel, "hello"), never);
      expect(outcome).toMatchObject({ outcome: "unknown" });
      expect(JSON.stringify(outcome)).not.toContain(fake.botToken);
    });
  });

  test("that is given up after it was written has an unknown outcome, at once", async () => {
    const server = createServer();
    const asked = new Promise<void>((resolve) => server.on("request", () => resolve()));
    await withServer(server, async (apiUrl) => {
      const account = open({ apiUrl });
      const stop = new AbortController();
      const sending = account.send(sendOf(account, channel, "hello"), stop.signal);
      await asked;
      stop.abort();
      expect(await sending).toMatchObject({ outcome: "unknown" });
    });
  });
});

describe("a send whose answer was lost", () => {
  async function lose(account: ReturnType<typeof open>, thread?: string): Promise<SendOutcome> {
    fake.faults = { lostAnswer: 1 };
    return await account.send(
      sendOf(account, channel, "hello", {
        chat: { kind: "direct", id: channel, ...(thread === undefined ? {} : { thread }) },
      }),
      never,
    );
  }

  test("is found in the chat, and in a thread", async () => {
    const account = open();
    const inChat = await lose(account);
    expect(inChat).toEqual({ outcome: "sent", platformId: fake.shown("ada")[0]?.platformId });
    const inThread = await lose(account, "1700000000.000100");
    expect(inThread).toEqual({ outcome: "sent", platformId: fake.shown("ada")[1]?.platformId });
    expect(fake.shown("ada")).toHaveLength(2);
    expect(fake.counts["chat.postMessage"]).toBe(2);
  });

  test("stays unknown when Slack does not let the account look", async () => {
    const account = open();
    fake.answerNext("conversations.history", {
      status: 200,
      body: { ok: false, error: "missing_scope" },
    });
    expect(await lose(account)).toMatchObject({ outcome: "unknown" });
    expect(fake.counts["conversations.history"]).toBe(1);
  });

  test("stays unknown when it is not found, and another one's message does not count", async () => {
    const account = open();
    fake.answerNext("chat.postMessage", { status: 200, body: { ok: false, error: "fatal_error" } });
    for (let look = 0; look < 3; look += 1) {
      fake.answerNext("conversations.history", {
        status: 200,
        body: {
          ok: true,
          messages: [
            {
              ts: "1700000000.000100",
              user: "U0OTHER",
              bot_id: "B0OTHER",
              metadata: { event_type: "holdfast_message", event_payload: { key: "k-1" } },
            },
          ],
        },
      });
    }
    expect(await account.send(sendOf(account, channel, "hello"), never)).toMatchObject({
      outcome: "unknown",
    });
    expect(fake.counts["conversations.history"]).toBe(3);
  });
});
