import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { HoldfastError, type InboundEvent, type WebhookRequest } from "@holdfast/core";
import { type FakeTelegram, startFakeTelegram } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { telegram } from "./index.ts";
import {
  type FakeInbound,
  fakeInbound,
  openTelegram,
  type OpenedAccount,
  shortLooks,
  webhookRequest,
} from "./testing/open-account.ts";

let fake: FakeTelegram;
let opened: OpenedAccount;
let stop: AbortController;
let receiving: Promise<void> | undefined;
const servers: Server[] = [];

beforeEach(async () => {
  fake = await startFakeTelegram();
  opened = openTelegram(fake.account("webhook"));
  stop = new AbortController();
  receiving = undefined;
});

afterEach(async () => {
  stop.abort();
  await receiving?.catch(() => {});
  await opened.account.close?.();
  await fake.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const secretHeader = "x-telegram-bot-api-secret-token";
const update = {
  update_id: 77,
  message: {
    message_id: 5,
    date: 1_700_000_000,
    chat: { id: 42, type: "private", first_name: "Ada" },
    from: { id: 42, is_bot: false, first_name: "Ada" },
    text: "hello",
  },
};

function ask(request: WebhookRequest) {
  const answer = opened.account.webhook?.(request);
  if (!answer) throw new Error("the account takes webhooks");
  return answer;
}

function receive(inbound: FakeInbound): void {
  receiving = opened.account.receive?.(inbound, stop.signal) ?? Promise.resolve();
  receiving.catch(() => {});
}

/** The account's address leads nowhere when somebody writes; gives what its owner reports then. */
async function missDelivery() {
  opened = openTelegram({ ...fake.account("webhook"), shorten: shortLooks });
  const inbound = fakeInbound();
  receive(inbound);
  await inbound.isConnected;
  fake.deliverTo(["http://127.0.0.1:9/"]);
  fake.say({ chat: "ada", text: "one" });
  return await opened.reported(/could not deliver/);
}

/** Two nodes behind the account's address: what they accepted. */
async function startNodes(
  accept: (events: readonly InboundEvent[]) => void,
): Promise<readonly string[]> {
  const urls: string[] = [];
  for (let node = 0; node < 2; node += 1) {
    const server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
        try {
          const answer = await ask({
            method: request.method ?? "",
            path: "",
            query: new URLSearchParams(),
            headers: request.headers as Record<string, string>,
            body: Buffer.concat(chunks),
          });
          accept(answer.events);
          response.writeHead(answer.status).end(answer.body);
        } catch (error) {
          response.writeHead(error instanceof HoldfastError ? error.status : 503).end();
        }
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
    urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }
  return urls;
}

describe("a webhook", () => {
  it("gives the same event, of the same name, at every delivery", async () => {
    const request = webhookRequest(update, { [secretHeader]: fake.secret });
    const first = await ask(request);
    expect(first).toEqual(await ask(request));
    expect(first.status).toBe(200);
    expect(fake.calls["getMe"]).toBe(1);
    expect(first.events).toMatchObject([
      { type: "message", eventId: `${fake.bot.id}-77`, text: "hello" },
    ]);
  });

  it("is refused without the secret, before its body is looked at", async () => {
    const wrong = { code: "webhook_unverified" };
    for (const headers of [
      {},
      { [secretHeader]: "" },
      { [secretHeader]: `${fake.secret}x` },
      { [secretHeader]: fake.secret.slice(0, -1) },
    ]) {
      await expect(ask(webhookRequest(update, headers))).rejects.toMatchObject(wrong);
      await expect(ask(webhookRequest("{broken", headers))).rejects.toMatchObject(wrong);
    }
    opened.env["FAKE_TELEGRAM_SECRET"] = "";
    const empty = webhookRequest(update, { [secretHeader]: "" });
    await expect(ask(empty)).rejects.toMatchObject(wrong);
    expect(fake.calls).toEqual({});
  });

  it("of an account that polls is refused", async () => {
    opened = openTelegram(fake.account("socket"));
    const request = webhookRequest(update, { [secretHeader]: fake.secret });
    await expect(ask(request)).rejects.toMatchObject({ code: "webhook_unverified" });
  });

  it("that is cut, no JSON, no UTF-8 or no update is refused", async () => {
    const headers = { [secretHeader]: fake.secret };
    const whole = JSON.stringify(update);
    for (const body of ["", whole.slice(0, 40), "[]", "null", '"x"', "{}", '{"update_id":"1"}']) {
      await expect(ask(webhookRequest(body, headers)), body).rejects.toMatchObject({
        code: "invalid_request",
      });
    }
    const invalid = { ...webhookRequest("", headers), body: Uint8Array.of(0x7b, 0xff, 0x7d) };
    await expect(ask(invalid)).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("at another path or by another method is not one", async () => {
    const request = webhookRequest(update, { [secretHeader]: fake.secret });
    expect(await ask({ ...request, path: "/other" })).toMatchObject({ status: 404, events: [] });
    expect(await ask({ ...request, method: "GET" })).toMatchObject({ status: 405, events: [] });
  });

  it("of an unknown kind is acknowledged and counted", async () => {
    const headers = { [secretHeader]: fake.secret };
    for (const [body, what] of [
      [{ update_id: 1, callback_query: { id: "1" } }, "unknown_event"],
      [{ update_id: 2, my_chat_member: {} }, "unknown_event"],
      [{ update_id: 3, edited_message: update.message }, "edited"],
    ] as const) {
      const answer = await ask(webhookRequest(body, headers));
      expect(answer).toEqual({ status: 200, events: [{ type: "ignored", what }] });
    }
  });

  it("comes again until it was accepted, on any node, in each chat in order", async () => {
    const inbound = fakeInbound();
    let failures = 5;
    fake.faults = { dropped: 0.3, duplicate: 0.3, reordered: 0.3 };
    const accepted = new Map<string, string>();
    fake.deliverTo(
      await startNodes((events) => {
        failures -= 1;
        if (failures >= 0) throw new HoldfastError("engine_unavailable", "No engine.");
        for (const event of events) {
          if (event.type === "message" && !accepted.has(event.eventId)) {
            accepted.set(event.eventId, event.text);
          }
        }
      }),
    );
    receive(inbound);
    await inbound.isConnected;
    const sent: string[] = [];
    for (let index = 0; index < 30; index += 1) {
      sent.push(`chat-${index % 3} ${index}`);
      fake.say({ chat: `chat-${index % 3}`, text: `chat-${index % 3} ${index}` });
    }
    await fake.settled();
    for (const fault of ["dropped", "duplicate", "reordered"]) {
      expect(fake.counts[fault], fault).toBeGreaterThan(0);
    }
    const got = [...accepted.values()];
    expect(got.toSorted()).toEqual(sent.toSorted());
    for (const chat of ["chat-0", "chat-1", "chat-2"]) {
      const ofChat = (all: readonly string[]) => all.filter((text) => text.startsWith(chat));
      expect(ofChat(got)).toEqual(ofChat(sent));
    }
    expect(fake.violations).toEqual([]);
  });
});

describe("the owner of a webhook", () => {
  it("registers it with its secret, and drops nothing that waits", async () => {
    const accepted: InboundEvent[] = [];
    fake.deliverTo(await startNodes((events) => accepted.push(...events)));
    fake.say({ chat: "ada", text: "written before" });
    receive(fakeInbound());
    await fake.settled();
    expect(accepted).toMatchObject([{ text: "written before" }]);
    expect(fake.webhook).toMatchObject({ allowed: ["message", "channel_post"] });
    expect(fake.violations).toEqual([]);
  });

  it("repairs it when somebody changed it, and says so", async () => {
    // The look every five minutes comes every 300 ms.
    opened = openTelegram({ ...fake.account("webhook"), shorten: shortLooks });
    const inbound = fakeInbound();
    receive(inbound);
    await inbound.isConnected;
    const { url } = fake.webhook ?? {};
    expect(opened.reports).toEqual([]);
    fake.overwriteWebhook("https://elsewhere.example.org/");
    await opened.reported(/Somebody changed/);
    await fake.called("setWebhook", 2);
    await fake.called("getWebhookInfo", (fake.calls["getWebhookInfo"] ?? 0) + 1);
    expect(fake.webhook?.url).toBe(url);
  });

  it("registers it anew with another secret", async () => {
    opened = openTelegram({ ...fake.account("webhook"), shorten: shortLooks });
    const inbound = fakeInbound();
    receive(inbound);
    await inbound.isConnected;
    opened.env["FAKE_TELEGRAM_SECRET"] = "another_secret";
    await fake.called("setWebhook", 2);
    expect(opened.reports).toEqual([]);
  });

  it("says that Telegram cannot deliver", async () => {
    const report = await missDelivery();
    expect(report.message).toContain("ECONNREFUSED");
    expect(await opened.account.check(stop.signal)).toMatchObject({ ok: false });
  });

  it("is well again when nothing waits any more, although Telegram still tells the error", async () => {
    await missDelivery();
    fake.deliverTo(await startNodes(() => {}));
    await fake.settled();
    const found = await opened.account.check(stop.signal);
    expect(found.ok).toBe(true);
    expect(found.findings.join()).toMatch(/could not deliver/);
  });

  it("minds an old error no more, although newer updates wait", async () => {
    const { webhook } = telegram.settings.parse(fake.account("webhook").settings);
    const asked = async (secondsAgo: number) => {
      const result = {
        url: webhook?.publicUrl,
        pending_update_count: 3,
        last_error_date: Math.floor(Date.now() / 1_000) - secondsAgo,
        last_error_message: "Connection timed out",
      };
      fake.answerNext("getWebhookInfo", { status: 200, body: { ok: true, result } });
      return (await opened.account.check(stop.signal)).ok;
    };
    expect([await asked(60), await asked(3_600)]).toEqual([false, true]);
  });

  it("tells credentials that work from a webhook that only it registers", async () => {
    const check = () => opened.account.check(stop.signal);
    expect(await check()).toMatchObject({ ok: false, isAuthorized: true });
    opened.env["FAKE_TELEGRAM_SECRET"] = "with spaces";
    expect(await check()).toMatchObject({ ok: false, isAuthorized: false });
    opened.env["FAKE_TELEGRAM_SECRET"] = fake.secret;
    fake.revoke(true);
    expect(await check()).toMatchObject({ ok: false, isAuthorized: false });
  });

  it("ends for good with a secret that Telegram would not take, or a refused token", async () => {
    opened.env["FAKE_TELEGRAM_SECRET"] = "with spaces";
    receive(fakeInbound());
    await expect(receiving).rejects.toMatchObject({ code: "account_unauthorized" });
    opened = openTelegram(fake.account("webhook"));
    fake.revoke(true);
    receive(fakeInbound());
    await expect(receiving).rejects.toMatchObject({ code: "account_unauthorized" });
  });

  it("without a public address says that nobody registered one", async () => {
    const { settings, env } = fake.account("webhook");
    const webhook = { secret: { fromEnv: "FAKE_TELEGRAM_SECRET" } };
    opened = openTelegram({ settings: { ...settings, webhook }, env });
    receive(fakeInbound());
    await opened.reported(/No webhook is registered/);
    expect(fake.calls["setWebhook"]).toBeUndefined();
  });

  it("ends soon after the abort", async () => {
    const inbound = fakeInbound();
    receive(inbound);
    await inbound.isConnected;
    stop.abort();
    await receiving;
    expect(opened.reports).toEqual([]);
  });
});
