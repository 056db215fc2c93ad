import { setImmediate } from "node:timers/promises";
import { limits } from "@holdfast/core";
import { type FakeModelServer, type ModelScript, startFakeModelServer } from "@holdfast/testkit";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFixture } from "./testing/fixture.ts";

let server: FakeModelServer;
beforeEach(async () => {
  server = await startFakeModelServer();
});
afterEach(() => server.close());

const apis = ["openai-compatible", "openai", "anthropic"] as const;
const fixtureFor = (type: (typeof apis)[number] = "openai-compatible") => {
  const apiKey = { fromEnv: "KEY" };
  const fixture = createFixture(
    [
      { name: "main", type, baseUrl: server.url, apiKey },
      { name: "spare", type, baseUrl: server.url, apiKey },
    ],
    { KEY: "sk-test" },
  );
  return { ...fixture, ask: settle(fixture) };
};

/** Asks while every wait between tries ends at once. */
function settle({ ask, clock }: ReturnType<typeof createFixture>) {
  const schedule = clock.schedule.bind(clock);
  clock.schedule = (delayMs, run) => {
    const cancel = schedule(delayMs, run);
    if (delayMs < 60) queueMicrotask(() => clock.advance(delayMs));
    return cancel;
  };
  return ask;
}

const times = (count: number, script: ModelScript) => Array.from({ length: count }, () => script);

describe.each(apis)("%s", (type) => {
  test.each<[string, ModelScript, string]>([
    ["500", { type: "status", status: 500 }, "model_unavailable"],
    ["503", { type: "status", status: 503, body: "<html>busy" }, "model_unavailable"],
    ["529", { type: "status", status: 529 }, "model_unavailable"],
    ["408", { type: "status", status: 408 }, "model_unavailable"],
    ["409", { type: "status", status: 409, body: "overloaded" }, "model_unavailable"],
    ["429", { type: "status", status: 429 }, "model_rate_limited"],
    ["a reset", { type: "cut", chunks: ["a"], after: 0 }, "model_unavailable"],
    ["an early end", { type: "cut", chunks: ["a"], after: 0, how: "end" }, "model_unavailable"],
    ["garbage", { type: "malformed" }, "model_unavailable"],
    ["overload", { type: "error-event", error: "overloaded_error" }, "model_unavailable"],
  ])("%s is tried again, then reported", async (_name, script, code) => {
    const { ask } = fixtureFor(type);
    server.next(...times(limits.modelAttempts - 1, script));
    expect((await ask()).text).toBe("Hello there.");
    server.next(...times(limits.modelAttempts, script));
    await expect(ask()).rejects.toMatchObject({ code });
    expect(server.counts.total).toBe(2 * limits.modelAttempts);
  });

  test.each([{ how: "reset" }, { how: "end" }] as const)(
    "a stream that dies in the middle goes on as one answer: $how",
    async ({ how }) => {
      const { ask } = fixtureFor(type);
      const chunks = ["The tide comes in ", "twice a day, ", "more or less."];
      server.next(
        { type: "cut", chunks, after: 2, how, calls: [{ name: "lost", arguments: "{}" }] },
        { type: "text", chunks },
      );
      const answer = await ask();
      expect(answer.text).toBe(chunks.join(""));
      expect(answer.calls).toEqual([]);
      const second = JSON.stringify(server.requests[1]?.body);
      expect(second).toContain("The tide comes in ");
      expect(second).toContain("Go on exactly where it stopped");
    },
  );

  test("tool calls of a stream that died are never given out twice", async () => {
    const { ask } = fixtureFor(type);
    const calls = [{ id: "c1", name: "pay", arguments: '{"sum":1}' }];
    server.next(
      { type: "cut", chunks: ["One moment. "], after: 1, how: "end", calls },
      { type: "tool-calls", calls },
    );
    const answer = await ask();
    expect(answer.text).toBe("One moment. ");
    expect(answer.calls).toEqual(calls);
  });
});

test("whatever way and however often a stream dies, the answer is one", async () => {
  const words = Array.from({ length: 30 }, (_, index) => `word${index} `);
  const full = words.join("");
  const death = fc.record({
    after: fc.nat(words.length),
    how: fc.constantFrom("reset" as const, "end" as const),
  });
  const property = fc.asyncProperty(
    fc.constantFrom(...apis),
    fc.array(death, { maxLength: limits.modelAttempts - 1 }),
    fc.boolean(),
    async (type, deaths, repeats) => {
      let dead = 0;
      let said = 0;
      server.respond(() => {
        const chunks = repeats ? words : words.slice(said);
        const next = deaths[dead++];
        if (!next) return { type: "text", chunks };
        if (!repeats) said = Math.min(words.length, said + next.after);
        return { type: "cut", chunks, ...next };
      });
      expect((await fixtureFor(type).ask()).text).toBe(full);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

describe("waiting", () => {
  test("waits as long as Retry-After says, within its bound", async () => {
    const fixture = createFixture([
      { name: "main", type: "openai-compatible", baseUrl: server.url },
    ]);
    server.next({ type: "status", status: 429, headers: { "retry-after": "3" } });
    const answer = fixture.ask();
    await fixture.clock.scheduled(3_000);
    expect(server.counts.total).toBe(1);
    fixture.clock.advance(3_000);
    expect((await answer).text).toBe("Hello there.");
  });

  test("a longer Retry-After goes to the fallback at once, or to the caller", async () => {
    const { ask } = fixtureFor();
    const late = { type: "status", status: 429, headers: { "retry-after": "120" } } as const;
    server.next(late);
    expect((await ask({ fallbacks: ["spare/b"] })).finish.model).toBe("spare/b");
    server.next(late);
    await expect(ask()).rejects.toMatchObject({
      code: "model_rate_limited",
      retryAfterMs: 120_000,
    });
  });

  test.each([
    ["before its first byte", undefined, limits.modelFirstByteTimeoutMs],
    ["in the middle", ["So "], limits.modelIdleTimeoutMs],
  ])("a model silent %s times out", async (_name, chunks, timeoutMs) => {
    const { ask, clock } = createFixture([
      { name: "main", type: "openai-compatible", baseUrl: server.url },
    ]);
    server.respond(() => ({ type: "hang", ...(chunks ? { chunks } : {}) }));
    let pending = true;
    const answer = expect(ask())
      .rejects.toMatchObject({ code: "model_timeout" })
      .finally(() => {
        pending = false;
      });
    await clock.scheduled(timeoutMs);
    while (pending) {
      clock.advance(timeoutMs / 4);
      await setImmediate();
    }
    await answer;
    expect(clock.monotonic()).toBeGreaterThanOrEqual(limits.modelAttempts * timeoutMs);
    await server.untilAbandoned(limits.modelAttempts);
  });
});

describe("fallbacks and circuit", () => {
  test("fallbacks are tried in order, and continue what was already said", async () => {
    const { ask } = fixtureFor();
    const broken = { type: "status", status: 500 } as const;
    server.next({ type: "cut", chunks: ["Ebb and ", "flow."], after: 1 }, broken, broken);
    server.next({ type: "text", chunks: ["flow."] });
    const answer = await ask({ fallbacks: ["missing/x", "spare/b", "demo/greeter"] });
    expect(answer.text).toBe("Ebb and flow.");
    expect(answer.finish.model).toBe("spare/b");
  });

  test("when all fail, a failure that may pass wins over one that stays", async () => {
    const { ask } = fixtureFor();
    server.next({ type: "status", status: 401 }, ...times(3, { type: "status", status: 500 }));
    await expect(ask({ fallbacks: ["spare/b"] })).rejects.toMatchObject({
      code: "model_unavailable",
    });
  });

  test("opens after five failures, refuses at once, lets one probe through, and closes", async () => {
    const { ask, clock, gateway } = fixtureFor();
    server.respond(() => ({ type: "status", status: 500 }));
    await expect(ask()).rejects.toMatchObject({ code: "model_unavailable" });
    await expect(ask()).rejects.toMatchObject({ code: "model_unavailable" });
    expect(server.counts.total).toBe(limits.modelCircuitFailures);
    expect(gateway.status()).toMatchObject([
      { organization: "acme", provider: "main", circuit: "open", consecutiveFailures: 5 },
    ]);
    await expect(ask()).rejects.toMatchObject({ retryAfterMs: limits.modelCircuitOpenMs });
    expect(server.counts.total).toBe(limits.modelCircuitFailures);

    clock.advance(limits.modelCircuitOpenMs);
    server.respond(() => ({ type: "hang" }));
    const abort = new AbortController();
    const probe = expect(ask({}, abort.signal)).rejects.toThrow("enough");
    await server.received(limits.modelCircuitFailures + 1);
    await expect(ask()).rejects.toMatchObject({ code: "model_unavailable" });
    abort.abort(new Error("enough"));
    await probe;

    server.respond(() => ({ type: "text", chunks: ["back"] }));
    expect((await ask()).text).toBe("back");
    expect(gateway.status()).toEqual([]);
  });

  test("a provider that cannot be reached is unavailable", async () => {
    const { ask } = fixtureFor();
    await server.close();
    await expect(ask()).rejects.toMatchObject({
      code: "model_unavailable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    server = await startFakeModelServer();
  });

  test("an endless answer ends at the limit with reason length", async () => {
    const { ask } = fixtureFor();
    const chunk = "wörd ".repeat(20_000);
    server.next({ type: "hang", chunks: Array.from({ length: 20 }, () => chunk) });
    const answer = await ask();
    expect(answer.finish.reason).toBe("length");
    const bytes = Buffer.byteLength(answer.text);
    expect(bytes).toBeGreaterThan(limits.modelOutputBytes - 4);
    expect(bytes).toBeLessThanOrEqual(limits.modelOutputBytes);
    await server.untilAbandoned(1);
  });

  test("an event without end is refused", async () => {
    const { ask } = fixtureFor();
    const body = `data: ${"x".repeat(limits.modelEventBytes + 1_000)}`;
    server.respond(() => ({ type: "raw", contentType: "text/event-stream", body }));
    await expect(ask()).rejects.toMatchObject({
      code: "model_unavailable",
      message: expect.stringContaining(`${limits.modelEventBytes} bytes`),
    });
  });
});
