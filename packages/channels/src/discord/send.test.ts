import { type AddressInfo, createServer, type Server } from "node:net";
import type { ChatAddress, SendOutcome } from "@holdfast/core";
import { type FakeDiscord, startFakeDiscord } from "@holdfast/testkit/platforms";
import { afterEach, describe, expect, test } from "vitest";
import { discordLimits } from "./limits.ts";
import { fastClock, never, openAccount, pieceSend } from "./testing/harness.ts";

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: Parameters<typeof startFakeDiscord>[0] = {}): Promise<FakeDiscord> {
  const fake = await startFakeDiscord(options);
  closers.push(() => fake.close());
  return fake;
}

function open(fake: FakeDiscord, overrides: Record<string, unknown> = {}, clock = fastClock(10)) {
  const { account } = openAccount(fake, overrides, clock);
  closers.push(() => account.close?.());
  return account;
}

/** A chat that exists because somebody wrote there. */
function chatOf(fake: FakeDiscord, name = "ada", kind: "direct" | "group" = "direct"): ChatAddress {
  fake.say({ chat: name, kind, text: "hello" });
  const id = fake.ids.channel(name);
  return kind === "direct" ? { kind, id } : { kind: "channel", id, guild: fake.ids.guild };
}

function shown(fake: FakeDiscord, chat = "ada"): readonly string[] {
  return fake.shown(chat).map(({ text }) => text);
}

/** Answers every request with these bytes, or with nothing. */
async function rawServer(answer: string | undefined): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => (answer === undefined ? socket.destroy() : socket.end(answer)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function outcomeAt(apiUrl: string, clock = fastClock(10)): Promise<SendOutcome> {
  const fake = await start();
  const account = open(fake, { apiUrl }, clock);
  return await account.send(pieceSend(account, chatOf(fake), "hi", "k"), never);
}

describe("a send", () => {
  test("reaches the chat as formatted text, answering a message and calling nobody", async () => {
    const fake = await start();
    const account = open(fake);
    const chat = chatOf(fake, "general", "group");
    const send = pieceSend(account, chat, "**Done**, @everyone 🌻", "key.1");
    const outcome = await account.send({ ...send, replyTo: "123456789012345678" }, never);
    expect(outcome).toMatchObject({ outcome: "sent" });
    expect(fake.shown("general")[0]).toMatchObject({
      raw: {
        allowed_mentions: { parse: [], replied_user: false },
        message_reference: { message_id: "123456789012345678", fail_if_not_exists: false },
        enforce_nonce: true,
      },
    });
    expect(fake.violations).toEqual([]);
  });

  test("answers without naming the message where the bot may not read the history", async () => {
    const fake = await start();
    const account = open(fake, {}, fastClock(1));
    const chat = chatOf(fake, "general", "group");
    fake.hideHistory("general");
    const outcomes = [];
    for (const key of ["a", "b", "c"]) {
      const send = { ...pieceSend(account, chat, key, key), replyTo: "123456789012345678" };
      outcomes.push((await account.send(send, never)).outcome);
    }
    // Each takes two of the five requests that Discord takes at once.
    expect(outcomes).toEqual(["sent", "sent", "retry"]);
    expect(shown(fake, "general")).toEqual(["a", "b"]);
    expect(fake.violations).toEqual([]);
  });

  test.each([
    [400, 40_004],
    [403, 40_006],
    [400, 130_000],
  ])("that Discord cannot take for the moment (%i, %i) is tried again", async (status, code) => {
    const fake = await start();
    const account = open(fake);
    const send = pieceSend(account, chatOf(fake), "hi", "k");
    fake.refuseNext(status, code);
    expect(await account.send(send, never)).toMatchObject({ outcome: "retry" });
    expect(await account.send(send, never)).toMatchObject({ outcome: "sent" });
    expect(shown(fake)).toEqual(["hi"]);
  });

  test("of a long text comes in pieces that Discord takes, in order", async () => {
    const fake = await start({ speed: 100 });
    const account = open(fake, {}, fastClock(1));
    const chat = chatOf(fake);
    const pieces = account.render("word 🌻 ".repeat(1_200));
    expect(pieces.length).toBeGreaterThan(2);
    for (const [index, piece] of pieces.entries()) {
      const outcome = await account.send({ piece, chat, key: `k.${index}` }, never);
      expect(outcome.outcome).toBe("sent");
    }
    expect(fake.violations).toEqual([]);
  });

  test("into a thread goes to the thread", async () => {
    const fake = await start();
    const account = open(fake);
    fake.openThread("thread", "general");
    const chat: ChatAddress = {
      kind: "channel",
      id: fake.ids.channel("thread"),
      parent: fake.ids.channel("general"),
    };
    await account.send(pieceSend(account, chat, "hi", "k"), never);
    expect(shown(fake, "thread")).toEqual(["hi"]);
  });

  test("whose answer was lost is repeated with the same nonce, and appears once", async () => {
    const fake = await start({ faults: { lostAnswer: 1 } });
    const account = open(fake, {}, fastClock(1));
    const send = pieceSend(account, chatOf(fake), "once", "k");
    expect(await account.send(send, never)).toMatchObject({ outcome: "retry" });
    fake.faults = {};
    const again = await account.send(send, never);
    expect(again).toEqual({ outcome: "sent", platformId: fake.shown("ada")[0]?.platformId });
    expect(shown(fake)).toEqual(["once"]);
  });

  test("whose answer was lost too long ago is not repeated: its outcome is unknown", async () => {
    const fake = await start({ faults: { lostAnswer: 1 } });
    let later = 0;
    const base = fastClock(1);
    const account = open(fake, {}, { ...base, monotonic: () => base.monotonic() + later });
    const send = pieceSend(account, chatOf(fake), "once", "k");
    await account.send(send, never);
    fake.faults = {};
    later = discordLimits.nonceMs + 1;
    expect(await account.send(send, never)).toMatchObject({ outcome: "unknown" });
    expect(shown(fake)).toEqual(["once"]);
  });

  test("that Discord throttles waits as long as it says; the rest of the account does not", async () => {
    const fake = await start({ faults: { tooMany: 1 } });
    const account = open(fake);
    const outcome = await account.send(pieceSend(account, chatOf(fake), "hi", "k"), never);
    expect(outcome).toMatchObject({ outcome: "retry", scope: "chat" });
    expect((outcome as { afterMs: number }).afterMs).toBeGreaterThan(0);
    expect(shown(fake)).toEqual([]);
  });

  test("over the chat's rate is held back before Discord refuses it", async () => {
    const fake = await start();
    const account = open(fake, {}, fastClock(1));
    const chat = chatOf(fake);
    const outcomes = [];
    for (let at = 0; at < 6; at += 1) {
      outcomes.push(await account.send(pieceSend(account, chat, "hi", `k.${at}`), never));
    }
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([...Array(5).fill("sent"), "retry"]);
    expect(outcomes[5]).toMatchObject({ scope: "chat" });
    expect(fake.violations).toEqual([]);
  });

  test("is tried again after Discord's own 500, and takes slow answers", async () => {
    const fake = await start({ faults: { serverError: 1 }, speed: 5 });
    const account = open(fake, {}, fastClock(1));
    const send = pieceSend(account, chatOf(fake), "hi", "k");
    expect(await account.send(send, never)).toMatchObject({ outcome: "retry" });
    fake.faults = { slow: 1 };
    expect(await account.send(send, never)).toMatchObject({ outcome: "sent" });
  });

  test("fails for good where the chat is gone, blocked, or none of Discord's", async () => {
    const fake = await start();
    const account = open(fake);
    const direct = chatOf(fake, "ada");
    const group = chatOf(fake, "general", "group");
    fake.block("ada");
    fake.block("general");
    const cases: [ChatAddress, RegExp][] = [
      [direct, /no direct messages/],
      [group, /no access/],
      [{ kind: "direct", id: "123456789012345678" }, /does not exist/],
      [{ kind: "direct", id: "../users/@me" }, /not one of Discord's/],
    ];
    for (const [chat, reason] of cases) {
      const outcome = await account.send(pieceSend(account, chat, "hi", "k"), never);
      expect(outcome).toMatchObject({ outcome: "failed" });
      expect(outcome).toHaveProperty("reason", expect.stringMatching(reason));
    }
  });

  test("with a refused or unreadable token is unauthorized", async () => {
    const fake = await start();
    const account = open(fake);
    const chat = chatOf(fake);
    fake.revoke(true);
    const send = pieceSend(account, chat, "hi", "k");
    expect(await account.send(send, never)).toMatchObject({ outcome: "unauthorized" });
    const without = open(fake, { token: { fromEnv: "ABSENT" } });
    expect(await without.send(send, never)).toMatchObject({ outcome: "unauthorized" });
  });

  test("that meets no server, a broken one or a page of something else is tried again", async () => {
    const page = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>";
    const ban =
      "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 6\r\n\r\n<html>";
    const wall = "HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\n<html>";
    const cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    expect(await outcomeAt("http://127.0.0.1:1")).toMatchObject({
      outcome: "retry",
      reason: expect.stringMatching(/ECONNREFUSED/),
    });
    expect(await outcomeAt(await rawServer(undefined))).toMatchObject({ outcome: "retry" });
    expect(await outcomeAt(await rawServer(cut))).toMatchObject({ outcome: "retry" });
    expect(await outcomeAt(await rawServer(page))).toMatchObject({ outcome: "retry" });
    expect(await outcomeAt(await rawServer(ban))).toMatchObject({
      outcome: "retry",
      afterMs: 7_000,
      scope: "account",
    });
    expect(await outcomeAt(await rawServer(wall))).toMatchObject({
      outcome: "retry",
      scope: "account",
    });
  });

  test("that gets no answer in time, or is interrupted, is not called failed", async () => {
    const fake = await start({ faults: { slow: 1 } });
    const account = open(fake, {}, fastClock(100));
    const send = pieceSend(account, chatOf(fake), "hi", "k");
    expect(await account.send(send, never)).toMatchObject({
      outcome: "retry",
      reason: "Discord did not answer in time.",
    });
    const patient = open(fake, {}, fastClock(1));
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 20);
    expect(await patient.send(send, stopping.signal)).toMatchObject({ outcome: "retry" });
    expect(await patient.send(send, AbortSignal.abort())).toMatchObject({ outcome: "retry" });
  });
});

describe("besides sending", () => {
  test("typing is shown, and never throws", async () => {
    const fake = await start();
    const account = open(fake);
    const chat = chatOf(fake);
    await account.typing?.(chat, never);
    expect(fake.counts["typing"]).toBe(1);
    fake.revoke(true);
    await expect(account.typing?.(chat, never)).resolves.toBeUndefined();
  });

  test("the check names the bot, and what is wrong", async () => {
    const fake = await start();
    const { account } = openAccount(fake);
    expect(await account.check(never)).toEqual({
      ok: true,
      isAuthorized: true,
      identity: `holdfast-bot (${fake.ids.bot})`,
      findings: [],
    });
    const other = open(fake, {
      interactions: { applicationId: "123456789012345678", publicKey: "0".repeat(64) },
    });
    const checked = await other.check(never);
    // The portal's settings are not the token's fault.
    expect(checked).toMatchObject({ ok: false, isAuthorized: true });
    expect(checked.findings).toHaveLength(2);
    fake.revoke(true);
    const refused = await account.check(never);
    expect(refused.isAuthorized ?? refused.ok).toBe(false);
    expect(refused.findings[0]).toMatch(/token/);
    expect(JSON.stringify(await account.check(never))).not.toContain("fake.");
  });

  test("the check says whether the gateway would take the bot", async () => {
    const fake = await start();
    fake.refuseIntents(1 << 15);
    const checked = await open(fake).check(never);
    expect(checked).toMatchObject({ ok: false, isAuthorized: false });
    expect(checked.findings[0]).toMatch(/Message Content Intent/);
    const without = open(fake, { messageContent: false });
    expect(await without.check(never)).toMatchObject({ ok: true, isAuthorized: true });
  });

  test("files at addresses that are not allowed are refused", async () => {
    const fake = await start();
    const account = open(fake, { apiUrl: "https://discord.com/api/v10" });
    const media = { kind: "file" as const, source: "http://169.254.169.254/latest" };
    await expect(account.fetchMedia?.(media, never)).rejects.toMatchObject({
      code: "media_refused",
    });
  });
});
