import type { Inbound, InboundEvent } from "@holdfast/core";
import { HoldfastError } from "@holdfast/core";
import { type FakeSlack, startFakeSlack } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openAccount, textsOnce } from "./testing/harness.ts";

let fake: FakeSlack;
let stop: AbortController;

beforeEach(async () => {
  fake = await startFakeSlack();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await fake.close();
});

/** The account's receiver; `accept` may be late, or throw. */
function receive(
  accept: (events: readonly InboundEvent[]) => Promise<void> = () => Promise.resolve(),
  speed = 10,
) {
  const { account, reports } = openAccount(fake, "socket", { speed });
  const events: InboundEvent[] = [];
  let connected = Promise.withResolvers<void>();
  let connections = 0;
  const inbound: Inbound = {
    cursor: undefined,
    async accept(batch) {
      await accept(batch);
      events.push(...batch);
    },
    disconnected: () => {},
    saveCursor: () => Promise.resolve(),
    connected() {
      connections += 1;
      connected.resolve();
      connected = Promise.withResolvers<void>();
    },
  };
  const first = connected.promise;
  const ended = account.receive?.(inbound, stop.signal) ?? Promise.reject(new Error("No receive."));
  ended.catch(() => {});
  return {
    events,
    reports,
    ended,
    connected: first,
    nextConnection: () => connected.promise,
    get connections() {
      return connections;
    },
  };
}

describe("socket mode", () => {
  test("hands over what people write, in order, and commands and buttons, too", async () => {
    const receiver = receive();
    for (const text of ["one", "two", "three"]) fake.say({ chat: "ada", text });
    fake.slashCommand("ada", "four");
    fake.pressButton("ada", "five");
    await fake.settled();
    expect(textsOnce(receiver.events)).toEqual(["one", "two", "three", "four", "five"]);
    expect(fake.violations).toEqual([]);
  });

  test("acknowledges nothing before it is durable", async () => {
    const asked = Promise.withResolvers<void>();
    const durable = Promise.withResolvers<void>();
    receive(async () => {
      asked.resolve();
      await durable.promise;
    });
    let isSettled = false;
    fake.say({ chat: "ada", text: "hello" });
    const settled = fake.settled().then(() => {
      isSettled = true;
    });
    await asked.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled).toBe(false);
    durable.resolve();
    await settled;
  });

  test("tries what could not be made durable again until it is", async () => {
    let failures = 3;
    const { events, reports } = receive(async () => {
      await Promise.resolve();
      failures -= 1;
      if (failures >= 0) throw new HoldfastError("engine_unavailable", "The engine is away.");
    });
    fake.say({ chat: "ada", text: "hello" });
    fake.say({ chat: "ada", text: "again" });
    await fake.settled();
    expect(textsOnce(events)).toEqual(["hello", "again"]);
    expect(reports.map(({ code }) => code)).toContain("engine_unavailable");
  });

  test("leaves what is refused for good unacknowledged, and goes on with the rest", async () => {
    const { events } = receive(async (batch) => {
      await Promise.resolve();
      const isBad = batch.some((event) => event.type === "message" && event.text === "bad");
      if (isBad) throw new HoldfastError("invalid_text", "It holds a NUL.");
    });
    fake.say({ chat: "ada", text: "bad" });
    fake.say({ chat: "grace", text: "good" });
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = setInterval(() => textsOnce(events).includes("good") && resolve(), 5);
    await promise;
    clearInterval(look);
    expect(textsOnce(events)).toEqual(["good"]);
  });

  test("ends when another node owns the account", async () => {
    const { ended } = receive(() =>
      Promise.reject(new HoldfastError("ownership_lost", "Another owner.")),
    );
    fake.say({ chat: "ada", text: "hello" });
    await expect(ended).rejects.toMatchObject({ code: "ownership_lost" });
  });

  test("opens the next connection before it closes the one that is to go", async () => {
    const receiver = receive();
    await receiver.connected;
    const next = receiver.nextConnection();
    fake.requestDisconnect("refresh_requested");
    await next;
    expect(fake.connections).toBe(2);
    for (let count = 0; count < 5; count += 1) fake.say({ chat: "ada", text: `message ${count}` });
    await fake.settled();
    expect(textsOnce(receiver.events)).toHaveLength(5);
    await expect.poll(() => fake.connections, { interval: 10 }).toBe(1);
  });

  test("loses nothing when connections are cut and acknowledgements are lost", async () => {
    fake.faults = { dropped: 0.25, duplicate: 0.2 };
    const receiver = receive();
    const texts = Array.from({ length: 15 }, (_, index) => `message ${index}`);
    for (const text of texts) fake.say({ chat: "ada", text });
    await receiver.connected;
    fake.cut();
    await fake.settled();
    expect(textsOnce(receiver.events)).toEqual(texts);
    expect(receiver.connections).toBeGreaterThan(1);
    expect(fake.violations).toEqual([]);
  });

  test("notices a connection that is dead although it stands open", async () => {
    const receiver = receive(undefined, 50);
    await receiver.connected;
    const next = receiver.nextConnection();
    fake.freeze();
    fake.say({ chat: "ada", text: "hello" });
    await next;
    await fake.settled();
    expect(textsOnce(receiver.events)).toEqual(["hello"]);
  });

  test("throws when the credentials are refused, also later", async () => {
    const receiver = receive();
    await receiver.connected;
    fake.revoke(true);
    await expect(receiver.ended).rejects.toMatchObject({ code: "account_unauthorized" });
  });

  test("throws when socket mode is switched off", async () => {
    const receiver = receive();
    await receiver.connected;
    fake.requestDisconnect("link_disabled");
    await expect(receiver.ended).rejects.toMatchObject({ code: "channel_unavailable" });
  });

  test("waits as long as Slack says before it asks for a connection again", async () => {
    fake.answerNext("apps.connections.open", {
      status: 429,
      headers: { "retry-after": "2" },
      body: { ok: false, error: "ratelimited" },
    });
    const startedAt = performance.now();
    const receiver = receive();
    await receiver.connected;
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(190);
    expect(receiver.reports.map(({ code }) => code)).toEqual(["channel_unavailable"]);
  });

  test("ends soon when it is to stop, also while something waits to be durable", async () => {
    const asked = Promise.withResolvers<void>();
    const receiver = receive(() => {
      asked.resolve();
      return new Promise(() => {});
    });
    fake.say({ chat: "ada", text: "hello" });
    await asked.promise;
    const stoppedAt = performance.now();
    stop.abort();
    await receiver.ended;
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
    await expect.poll(() => fake.connections, { interval: 10 }).toBe(0);
  });
});
