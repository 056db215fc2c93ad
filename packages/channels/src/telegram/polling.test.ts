import { HoldfastError } from "@holdfast/core";
import { type FakeTelegram, startFakeTelegram } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type FakeInbound,
  fakeInbound,
  openTelegram,
  shortPauses,
  type OpenedAccount,
} from "./testing/open-account.ts";

let fake: FakeTelegram;
let opened: OpenedAccount;
let stop: AbortController;
let receiving: Promise<void> | undefined;

beforeEach(async () => {
  fake = await startFakeTelegram();
  opened = openTelegram({ ...fake.account("socket"), shorten: shortPauses });
  stop = new AbortController();
  receiving = undefined;
});

afterEach(async () => {
  stop.abort();
  await receiving?.catch(() => {});
  await opened.account.close?.();
  await fake.close();
});

function receive(inbound: FakeInbound): Promise<void> {
  receiving = opened.account.receive?.(inbound, stop.signal) ?? Promise.resolve();
  // A test looks at the failure itself.
  receiving.catch(() => {});
  return receiving;
}

/** Another program with the bot's token: asks again whenever its question is over, so often in all. */
function pollElsewhere(times = Number.POSITIVE_INFINITY) {
  const end = new AbortController();
  const run = async () => {
    for (let asked = 0; asked < times && !end.signal.aborted; asked += 1) {
      const url = `${fake.url}/bot${fake.token}/getUpdates?timeout=25`;
      await fetch(url, { signal: end.signal }).then((answer) => answer.text());
    }
  };
  const ended = run().catch(() => {});
  return {
    ended,
    async stop() {
      end.abort();
      await ended;
    },
  };
}

const texts = async (inbound: FakeInbound, count: number) =>
  (await inbound.messages(count)).map(({ text }) => text);

describe("polling", () => {
  it("brings what was written before and meanwhile, in order, and confirms it", async () => {
    fake.say({ chat: "ada", text: "one" });
    const inbound = fakeInbound();
    void receive(inbound);
    await inbound.isConnected;
    fake.say({ chat: "ada", text: "two" });
    fake.say({ chat: "grace", text: "three" });
    expect(await texts(inbound, 3)).toEqual(["one", "two", "three"]);
    await fake.settled();
    expect(fake.violations).toEqual([]);
    expect(opened.reports).toEqual([]);
  });

  it("confirms nothing before it was accepted", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const inbound = fakeInbound(() => {
      reach();
      return gate;
    });
    fake.say({ chat: "ada", text: "one" });
    void receive(inbound);
    await reached;
    let isSettled = false;
    const settled = fake.settled().then(() => {
      isSettled = true;
    });
    // The question that would confirm it has not been asked.
    expect(fake.calls["getUpdates"]).toBe(1);
    expect(isSettled).toBe(false);
    open();
    await settled;
    expect(await texts(inbound, 1)).toEqual(["one"]);
  });

  it("brings again, under the same name, what could not be accepted, and reports that once", async () => {
    let failures = 2;
    const inbound = fakeInbound(() => {
      failures -= 1;
      if (failures >= 0) throw new HoldfastError("engine_unavailable", "No engine.");
    });
    fake.say({ chat: "ada", text: "one" });
    void receive(inbound);
    expect(await texts(inbound, 1)).toEqual(["one"]);
    await fake.settled();
    expect(opened.reports.map(({ code }) => code)).toEqual(["engine_unavailable"]);
  });

  it("ends when the ownership is lost, with nothing confirmed", async () => {
    const inbound = fakeInbound(() => {
      throw new HoldfastError("ownership_lost", "Another node owns it.");
    });
    fake.say({ chat: "ada", text: "one" });
    await expect(receive(inbound)).rejects.toMatchObject({ code: "ownership_lost" });

    const next = fakeInbound();
    void receive(next);
    expect(await texts(next, 1)).toEqual(["one"]);
  });

  it("ends soon after the abort, in the middle of a question and of an acceptance", async () => {
    const quiet = fakeInbound();
    const first = receive(quiet);
    await fake.called("getUpdates", 2);
    const startedMs = performance.now();
    stop.abort();
    await first;

    stop = new AbortController();
    fake.say({ chat: "ada", text: "one" });
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const stuck = receive(
      fakeInbound(() => {
        reach();
        return new Promise(() => {});
      }),
    );
    await reached;
    stop.abort();
    await stuck;
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  it("loses nothing through cut connections, errors, repeats and reordering", async () => {
    fake.faults = { dropped: 0.3, serverError: 0.2, duplicate: 0.3, reordered: 0.3 };
    const inbound = fakeInbound();
    void receive(inbound);
    const sent: string[] = [];
    for (let index = 0; index < 40; index += 1) {
      const chat = `chat-${index % 4}`;
      sent.push(`${chat} ${index}`);
      fake.say({ chat, text: `${chat} ${index}` });
      if (index % 5 === 0) await fake.called("getUpdates", index / 5);
    }
    await fake.settled();
    for (const fault of ["dropped", "serverError", "duplicate", "reordered"]) {
      expect(fake.counts[fault], fault).toBeGreaterThan(0);
    }
    const byId = new Map(
      (await inbound.messages(40)).map((event) => [event.eventId, event.text] as const),
    );
    expect([...byId.values()].toSorted()).toEqual(sent.toSorted());
    // In each chat in the order in which it was written, whatever came between.
    for (const chat of ["chat-0", "chat-1", "chat-2", "chat-3"]) {
      const ofChat = (all: Iterable<string>) => [...all].filter((text) => text.startsWith(chat));
      expect(ofChat(byId.values())).toEqual(ofChat(sent));
    }
  });

  it("removes a webhook that is in the way, and keeps what waits", async () => {
    fake.overwriteWebhook("http://127.0.0.1:9/");
    fake.say({ chat: "ada", text: "one" });
    const inbound = fakeInbound();
    void receive(inbound);
    expect(await texts(inbound, 1)).toEqual(["one"]);
    expect(fake.webhook).toBeUndefined();

    fake.overwriteWebhook("http://127.0.0.1:9/");
    fake.say({ chat: "ada", text: "two" });
    await opened.reported(/registers a webhook/);
    expect(await texts(inbound, 2)).toEqual(["one", "two"]);
    expect(fake.violations).toEqual([]);
  });

  it("says so when another program polls, and goes on when that ends", async () => {
    const inbound = fakeInbound();
    void receive(inbound);
    await inbound.isConnected;
    const other = pollElsewhere();
    const report = await opened.reported(/Another program polls/);
    expect(report.code).toBe("channel_unavailable");
    await inbound.toldOften("disconnected", 3);
    expect(opened.reports).toHaveLength(1);
    expect(inbound.told.filter((each) => each === "connected")).toHaveLength(1);
    await other.stop();
    fake.say({ chat: "ada", text: "one" });
    fake.say({ chat: "ada", text: "two" });
    expect(await texts(inbound, 2)).toEqual(["one", "two"]);
    fake.say({ chat: "ada", text: "three" });
    await inbound.toldOften("connected", 2);
    expect(opened.reports).toHaveLength(1);
  });

  it("says nothing of one that asked only while the account moved", async () => {
    const inbound = fakeInbound();
    void receive(inbound);
    await fake.called("getUpdates", 2);
    const last = pollElsewhere(1);
    await last.ended;
    fake.say({ chat: "ada", text: "one" });
    expect(await texts(inbound, 1)).toEqual(["one"]);
    expect([opened.reports, inbound.told]).toEqual([[], ["connected"]]);
  });

  it("of two owners at once makes one wait, and the platform notices", async () => {
    const first = fakeInbound();
    void receive(first);
    await fake.called("getUpdates", 2);
    const other = openTelegram({ ...fake.account("socket"), shorten: shortPauses });
    const second = fakeInbound();
    const end = new AbortController();
    const receivingToo = other.account.receive?.(second, end.signal);
    await fake.called("getUpdates", 4);
    expect(fake.violations).toContain("two pollers at once");
    end.abort();
    await receivingToo;
    fake.say({ chat: "ada", text: "one" });
    expect(await texts(first, 1)).toEqual(["one"]);
    await other.account.close?.();
  });

  it("ends for good when the token is refused, and names no token", async () => {
    const inbound = fakeInbound();
    const received = receive(inbound);
    await inbound.isConnected;
    await fake.called("getUpdates", 2);
    fake.revoke(true);
    const error: unknown = await received.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "account_unauthorized" });
    expect(JSON.stringify(error) + String(error)).not.toContain(fake.token);
  });

  it("waits for a platform that is away, and reports it without the token", async () => {
    const { settings, env } = fake.account("socket");
    const away = openTelegram({
      settings: { ...settings, apiUrl: "http://127.0.0.1:9" },
      env,
      shorten: shortPauses,
    });
    const end = new AbortController();
    const receivingAway = away.account.receive?.(fakeInbound(), end.signal);
    const report = await away.reported(/ECONNREFUSED/);
    expect(report.cause).toBeUndefined();
    expect(String(report.stack)).not.toContain(fake.token);
    end.abort();
    await receivingAway;
    await away.account.close?.();
  });

  it("loses nothing when Telegram numbers anew after a quiet time", async () => {
    await fake.close();
    // A question of 25 seconds is open for a quarter of one.
    fake = await startFakeTelegram({ speed: 100 });
    opened = openTelegram({ ...fake.account("socket"), shorten: shortPauses });
    fake.say({ chat: "ada", text: "one" });
    const inbound = fakeInbound();
    void receive(inbound);
    await fake.settled();
    // The second question told what is durable; the third begins without it.
    await fake.called("getUpdates", 3);
    fake.renumber(7);
    fake.say({ chat: "ada", text: "two" });
    expect(await texts(inbound, 2)).toEqual(["one", "two"]);
    await fake.settled();
  });

  it("takes an answer without a result for one", async () => {
    fake.answerNext("deleteWebhook", { status: 200, text: '{"ok":true}' });
    const inbound = fakeInbound();
    void receive(inbound);
    await inbound.isConnected;
    expect(opened.reports).toEqual([]);
  });

  it("lets an update that it cannot read pass", async () => {
    fake.sendUnknown({ something_new: { deep: [1, { x: null }] } });
    fake.sendUnknown({ message: { chat: "no chat at all" } });
    fake.say({ chat: "ada", text: "one" });
    const inbound = fakeInbound();
    void receive(inbound);
    expect(await texts(inbound, 1)).toEqual(["one"]);
    expect(inbound.events.slice(0, 2)).toEqual([
      { type: "ignored", what: "unknown_event" },
      { type: "ignored", what: "unknown_event" },
    ]);
    await fake.settled();
  });
});
