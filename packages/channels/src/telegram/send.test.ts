import { createServer } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import type { SendOutcome } from "@holdfast/core";
import { type FakeTelegram, startFakeTelegram } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { direct, never, openTelegram, type OpenedAccount } from "./testing/open-account.ts";

let fake: FakeTelegram;
let opened: OpenedAccount;
let ada: string;

beforeEach(async () => {
  // Windows of less than a millisecond, so that tests need not wait between sends.
  fake = await startFakeTelegram({ speed: 10_000 });
  opened = openTelegram(fake.account("socket"));
  ada = fake.chatId("ada");
});

afterEach(async () => {
  await opened.account.close?.();
  await fake.close();
});

function send(markdown: string, more: { replyTo?: string; chat?: string } = {}) {
  const [piece] = opened.account.render(markdown);
  if (!piece) throw new Error("a text gives at least one piece");
  return opened.account.send(
    {
      piece,
      chat: direct(more.chat ?? ada),
      key: "k1",
      ...(more.replyTo === undefined ? {} : { replyTo: more.replyTo }),
    },
    never,
  );
}

function reasonOf(outcome: SendOutcome): string {
  return "reason" in outcome ? outcome.reason : "";
}

describe("a send to Telegram", () => {
  it("shows the text as people read it, and tells the message's id", async () => {
    const outcome = await send("**Hello** <Ada> & شكرا 👩‍👩‍👧");
    const [shown] = fake.shown("ada");
    expect(shown?.text).toBe("Hello <Ada> & شكرا 👩‍👩‍👧");
    expect(outcome).toEqual({ outcome: "sent", platformId: shown?.platformId });
    expect(fake.violations).toEqual([]);
  });

  it("quotes what it answers in groups, also what is gone, and nothing to one person", async () => {
    await send("yes", { replyTo: "4711" });
    expect(fake.shown("ada")[0]?.raw).not.toHaveProperty("reply_parameters");
    const [piece] = opened.account.render("yes");
    if (!piece) throw new Error("no piece");
    const chat = { kind: "group" as const, id: fake.chatId("team", "group") };
    await opened.account.send({ piece, chat, key: "k2", replyTo: "4711" }, never);
    expect(fake.shown("team")[0]?.raw).toMatchObject({
      reply_parameters: { message_id: 4711, allow_sending_without_reply: true },
    });
  });

  it("goes to its topic", async () => {
    const id = fake.chatId("team", "group");
    const [piece] = opened.account.render("hi");
    if (!piece) throw new Error("no piece");
    const chat = { kind: "group" as const, id, thread: "9" };
    await opened.account.send({ piece, chat, key: "k1" }, never);
    expect(fake.shown("team")[0]?.raw).toMatchObject({ message_thread_id: 9 });
  });

  it("falls back to plain text in the same try when the markup is refused", async () => {
    const piece = { body: { html: "<b>broken" }, text: "broken" };
    const outcome = await opened.account.send({ piece, chat: direct(ada), key: "k1" }, never);
    expect(outcome.outcome).toBe("sent");
    expect(fake.shown("ada").map(({ text }) => text)).toEqual(["broken"]);
    expect(fake.calls["sendMessage"]).toBe(2);
  });

  it("follows a group that became a supergroup, and remembers it", async () => {
    const old = fake.chatId("team", "group");
    const newId = fake.migrate("team");
    expect((await send("one", { chat: old })).outcome).toBe("sent");
    expect(fake.shown("team")[0]?.raw).toMatchObject({ chat_id: newId });
    expect((await send("two", { chat: old })).outcome).toBe("sent");
    expect(fake.calls["sendMessage"]).toBe(3);
  });

  it("of a text that is too long even as plain text fails", async () => {
    const piece = { body: { html: "x".repeat(4_097) }, text: "x" };
    const outcome = await opened.account.send({ piece, chat: direct(ada), key: "k1" }, never);
    expect(outcome).toEqual({ outcome: "failed", reason: "Bad Request: message is too long" });
  });
});

describe("a refusal", () => {
  it("by a person who blocked the bot fails", async () => {
    fake.block("ada");
    const outcome = await send("hi");
    expect(outcome).toEqual({
      outcome: "failed",
      reason: "Forbidden: bot was blocked by the user",
    });
  });

  it("of a chat that does not exist fails", async () => {
    expect(await send("hi", { chat: "999" })).toEqual({
      outcome: "failed",
      reason: "Bad Request: chat not found",
    });
  });

  it("of the token is no fault of the message", async () => {
    fake.revoke(true);
    expect((await send("hi")).outcome).toBe("unauthorized");
    fake.revoke(false);
    expect((await send("hi")).outcome).toBe("sent");
  });

  it("of a token that never was, or cannot be one, is that of the account", async () => {
    opened.env["FAKE_TELEGRAM_TOKEN"] = "1:unknown";
    expect(await send("hi")).toMatchObject({ outcome: "unauthorized", reason: /Not Found/ });
    opened.env["FAKE_TELEGRAM_TOKEN"] = "two words";
    expect((await send("hi")).outcome).toBe("unauthorized");
    opened.env["FAKE_TELEGRAM_TOKEN"] = undefined;
    expect((await send("hi")).outcome).toBe("unauthorized");
    expect(fake.calls["sendMessage"]).toBeUndefined();
  });

  it("for too many messages names the wait, of the chat first and then of the bot", async () => {
    const body = (seconds: number) => ({
      ok: false as const,
      error_code: 429,
      description: `Too Many Requests: retry after ${seconds}`,
      parameters: { retry_after: seconds },
    });
    for (let time = 0; time < 3; time += 1) {
      fake.answerNext("sendMessage", { status: 429, body: body(7) });
    }
    const limited = { outcome: "retry", afterMs: 7_000 };
    expect(await send("hi")).toMatchObject({ ...limited, scope: "chat" });
    const grace = fake.chatId("grace");
    expect(await send("hi", { chat: grace })).toMatchObject({ ...limited, scope: "account" });
    const chat = { kind: "group" as const, id: fake.chatId("team", "group") };
    const piece = { body: { html: "hi" }, text: "hi" };
    const inGroup = await opened.account.send({ piece, chat, key: "k1" }, never);
    expect(inGroup).toMatchObject({ ...limited, scope: "chat" });
  });

  it("is what a sender without patience gets, and it is noticed", async () => {
    await fake.close();
    fake = await startFakeTelegram();
    opened = openTelegram(fake.account("socket"));
    const id = fake.chatId("ada");
    expect((await send("one", { chat: id })).outcome).toBe("sent");
    const second = await send("two", { chat: id });
    expect(second).toMatchObject({ outcome: "retry", afterMs: 1_000, scope: "chat" });
    expect(fake.violations).toEqual(["sent more than 1 in 1000 ms in one chat"]);
  });

  it("by Telegram's own error is tried again, by a gateway in front is unknown", async () => {
    const own = (code: number, description: string) =>
      fake.answerNext("sendMessage", {
        status: code,
        body: { ok: false, error_code: code, description },
      });
    own(500, "Internal Server Error");
    expect((await send("hi")).outcome).toBe("retry");
    own(502, "Bad Gateway");
    expect((await send("hi")).outcome).toBe("unknown");
    own(500, "Internal Server Error: restart");
    expect((await send("hi")).outcome).toBe("unknown");
    own(500, "Internal Server Error: sent message was immediately deleted");
    expect((await send("hi")).outcome).toBe("failed");
    for (const status of [200, 404, 502, 503, 504]) {
      fake.answerNext("sendMessage", { status, text: "<html>gateway</html>" });
      expect(await send("hi"), `HTTP ${status}`).toMatchObject({ outcome: "unknown" });
    }
    expect(fake.shown("ada")).toEqual([]);
  });
});

describe("the token", () => {
  it("stands in no reason, also when a server quotes it", async () => {
    const description = `Bad Request: /bot${fake.token}/sendMessage is no method`;
    fake.answerNext("sendMessage", {
      status: 400,
      body: { ok: false, error_code: 400, description },
    });
    const outcome = await send("hi");
    expect(outcome).toMatchObject({ outcome: "failed", reason: /is no method/ });
    expect(reasonOf(outcome)).not.toContain(fake.token);
  });
});

describe("a connection", () => {
  it("that is cut after the request leaves the outcome unknown", async () => {
    fake.answerNext("sendMessage", "cut");
    expect(await send("hi")).toMatchObject({ outcome: "unknown" });
    fake.faults = { lostAnswer: 1 };
    expect(await send("there")).toMatchObject({ outcome: "unknown" });
    expect(fake.shown("ada").map(({ text }) => text)).toEqual(["there"]);
  });

  it("that is refused or has no address sent nothing", async () => {
    const free = await listenOnce();
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    for (const apiUrl of [`http://127.0.0.1:${port}`, "http://nowhere.invalid"]) {
      const outcome = await sendTo(apiUrl);
      expect(outcome.outcome, apiUrl).toBe("retry");
      expect(reasonOf(outcome)).not.toContain(fake.token);
    }
  });

  it("whose TLS fails sent nothing", async () => {
    // Speaks no TLS, so the handshake fails before a request can be written.
    const outcome = await sendTo(fake.url.replace("http:", "https:"));
    expect(outcome.outcome).toBe("retry");
  });

  it("without an answer in time leaves the outcome unknown", async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    // The 15 seconds of a request pass in 150 ms.
    const outcome = await sendTo(`http://127.0.0.1:${port}`, 100);
    expect(outcome).toEqual({ outcome: "unknown", reason: "no answer within 15000 ms" });
    server.closeAllConnections();
    server.close();
  });

  it("is let go when the node stops: nothing sent before the request, unknown after it", async () => {
    const stopped = AbortSignal.abort();
    const piece = { body: { html: "hi" }, text: "hi" };
    const before = await opened.account.send({ piece, chat: direct(ada), key: "k1" }, stopped);
    expect(before.outcome).toBe("retry");

    const stop = new AbortController();
    const server = createServer(() => stop.abort());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const after = await sendTo(`http://127.0.0.1:${port}`, 1, stop.signal);
    expect(after.outcome).toBe("unknown");
    server.closeAllConnections();
    server.close();
  });

  it("that brings its answer in pieces is waited for", async () => {
    fake.faults = { slow: 1 };
    expect((await send("hi")).outcome).toBe("sent");
  });

  it("that brings an endless answer is cut", async () => {
    fake.answerNext("sendMessage", { status: 200, text: "x".repeat(1_100_000) });
    expect(await send("hi")).toMatchObject({ outcome: "unknown", reason: /larger than/ });
  });
});

describe("typing", () => {
  it("is shown, and fails quietly", async () => {
    await opened.account.typing?.(direct(ada), never);
    expect(fake.calls["sendChatAction"]).toBe(1);
    fake.block("ada");
    await opened.account.typing?.(direct(ada), never);
    expect(opened.reports).toHaveLength(1);
    expect(fake.violations).toEqual([]);
  });
});

describe("check", () => {
  it("tells who the bot is and what it will not see", async () => {
    const found = await opened.account.check(never);
    expect(found).toMatchObject({ ok: true, identity: `@${fake.bot.username}` });
    expect(found.findings.join()).toMatch(/privacy mode/);
  });

  it("tells of a token that is refused, without the token", async () => {
    fake.revoke(true);
    const found = await opened.account.check(never);
    expect(found.ok).toBe(false);
    expect(JSON.stringify(found)).not.toContain(fake.token);
  });

  it("tells of a webhook that polling would remove", async () => {
    fake.overwriteWebhook("https://elsewhere.example.org/");
    expect((await opened.account.check(never)).findings.join()).toMatch(/has a webhook/);
  });
});

async function sendTo(apiUrl: string, divisor = 1, signal = never): Promise<SendOutcome> {
  const { settings, env } = fake.account("socket");
  const { account } = openTelegram({
    settings: { ...settings, apiUrl },
    env,
    shorten: (delayMs) => delayMs / divisor,
  });
  const piece = { body: { html: "hi" }, text: "hi" };
  const outcome = await account.send({ piece, chat: direct(ada), key: "k1" }, signal);
  await account.close?.();
  return outcome;
}

async function listenOnce(): Promise<Server> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
