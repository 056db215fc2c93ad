import type { SendOutcome } from "@holdfast/core";
import { describe, expect, it } from "vitest";
import { accountOptions } from "../http/testing/account-options.ts";
import { signal } from "./index.ts";
import { ada, ben, never, pieceTo, serve, start } from "./testing/world.ts";

describe("sends", () => {
  it("sends styled text to people and groups, and quotes what it answers in groups", async () => {
    const { fake, account } = await start();
    const pieces = account.render("**Hello** 👍 _you_");
    expect(account.render("**Hello** 👍 _you_")).toEqual(pieces);
    const [piece] = pieces;
    if (piece === undefined) throw new Error("no piece");
    const replyTo = `${ada}.1700000000000`;
    const outcome = await account.send(pieceTo(ada, "", { piece, replyTo }), never);
    expect(outcome).toEqual({ outcome: "sent", platformId: expect.stringMatching(/^\d{13}$/) });
    expect(fake.shown(ada)).toMatchObject([
      {
        text: "Hello 👍 you",
        raw: {
          recipient: [ada],
          textStyle: ["0:5:BOLD", "9:3:ITALIC"],
        },
      },
    ]);
    const chat = { kind: "group", id: "group=" } as const;
    expect(await account.send(pieceTo("", "Hi", { chat, replyTo }), never)).toMatchObject({
      outcome: "sent",
    });
    expect(fake.shown(ada)[0]?.raw).not.toHaveProperty("quoteAuthor");
    expect(fake.shown("group=")).toMatchObject([
      { text: "Hi", raw: { quoteAuthor: ada, quoteTimestamp: 1_700_000_000_000 } },
    ]);
    expect(fake.violations).toEqual([]);
  });

  it("tells what was delivered and read, by the message's id", async () => {
    const { account, inbox, receiving } = await start({ receipts: ["delivered", "read"] });
    receiving();
    const sent = await account.send(pieceTo(ada, "Hi"), never);
    if (sent.outcome !== "sent") throw new Error(sent.reason);
    await inbox.until(() => inbox.events.length === 2);
    expect(inbox.events).toMatchObject(
      ["delivered", "read"].map((state) => ({
        type: "receipt",
        eventId: `${ada}.${state}.${sent.platformId}`,
        chat: { kind: "direct", id: ada },
        sender: { id: ada },
        messageId: sent.platformId,
        state,
      })),
    );
  });

  it("fails for people who are gone or not trusted, and for groups it is not in", async () => {
    const { fake, account } = await start();
    fake.block(ada);
    fake.distrust(ben);
    fake.block("group=");
    expect(await account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/not on Signal/),
    });
    expect(await account.send(pieceTo(ben, "Hi"), never)).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/signal-cli trust/),
    });
    const group = { kind: "group", id: "group=" } as const;
    expect(await account.send(pieceTo("", "Hi", { chat: group }), never)).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/group/),
    });
    const channel = { kind: "channel", id: "c" } as const;
    const piece = { body: "x", text: "x" };
    for (const more of [{ chat: channel }, { piece }]) {
      expect(await account.send(pieceTo(ada, "Hi", more), never)).toMatchObject({
        outcome: "failed",
      });
    }
  });

  it("waits for the account when Signal limits it, and tries again when the daemon has no way out", async () => {
    const { fake, account } = await start({ speed: 1 });
    let outcome: SendOutcome = { outcome: "sent", platformId: "" };
    let count = 0;
    while (outcome.outcome === "sent" && count < 200) {
      outcome = await account.send(pieceTo(ada, "Hi"), never);
      count += 1;
    }
    expect(outcome).toMatchObject({ outcome: "retry", scope: "account", afterMs: 2_000 });
    expect(count).toBeGreaterThan(60);
    fake.faults = { serverError: 1 };
    const retry = await account.send(pieceTo(ben, "Hi"), never);
    expect(retry).toMatchObject({ outcome: "retry" });
    expect(retry).not.toHaveProperty("scope");
  });

  it("is unauthorized without its token or its account", async () => {
    const { fake, account, options } = await start();
    fake.revoke(true);
    expect(await account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "unauthorized",
    });
    fake.revoke(false);
    const blind = signal.open(accountOptions(options.settings, {}));
    expect(await blind.send(pieceTo(ada, "Hi"), never)).toMatchObject({ outcome: "unauthorized" });
    await blind.close?.();
    const other = await start({}, { account: "+491519999999" });
    expect(await other.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "unauthorized",
    });
  });

  it("does not know what became of a send whose answer is lost", async () => {
    const { fake, account } = await start({ faults: { lostAnswer: 1 } });
    expect(await account.send(pieceTo(ada, "Hi"), never)).toMatchObject({ outcome: "unknown" });
    expect(fake.shown(ada)).toHaveLength(1);
    const stop = new AbortController();
    const url = await serve(() => stop.abort());
    const silent = await start({}, { url });
    expect(await silent.account.send(pieceTo(ada, "Hi"), stop.signal)).toMatchObject({
      outcome: "unknown",
    });
    expect(await silent.account.send(pieceTo(ada, "Hi"), stop.signal)).toMatchObject({
      outcome: "retry",
    });
  });

  it("may be repeated when the daemon is away", async () => {
    const { fake, account } = await start();
    await fake.close();
    expect(await account.send(pieceTo(ada, "Hi"), never)).toMatchObject({ outcome: "retry" });
  });

  const error = (code: number, message = "Secret text", data: unknown = null) => ({
    jsonrpc: "2.0",
    id: "1",
    error: { code, message, data },
  });
  const results = (...types: string[]) => ({
    timestamp: 5,
    results: types.map((type) => ({ type, token: type === "RATE_LIMIT_FAILURE" ? "t" : null })),
  });
  const result = (value: unknown) => ({ jsonrpc: "2.0", id: "1", result: value });
  it.each([
    [200, result(results("SUCCESS", "UNREGISTERED_FAILURE")), "sent"],
    [200, result({ timestamp: 5 }), "sent"],
    [200, result(results("NETWORK_FAILURE", "UNREGISTERED_FAILURE")), "retry"],
    [200, result(results("RATE_LIMIT_FAILURE")), "retry"],
    [200, result(results("IDENTITY_FAILURE")), "failed"],
    [200, result(results("SOMETHING_NEW")), "failed"],
    [200, error(-1, "x", { response: results("NETWORK_FAILURE") }), "retry"],
    [200, error(-1, "x", { response: results("SUCCESS", "IDENTITY_FAILURE") }), "sent"],
    [200, error(-1), "failed"],
    [200, error(-2), "unknown"],
    [200, error(-2, "Failed: x (UnknownHostException)"), "retry"],
    [200, error(-3), "retry"],
    [200, error(-4), "failed"],
    [200, error(-5), "retry"],
    [200, error(-6), "retry"],
    [200, error(-32_600), "failed"],
    [200, error(-32_601), "failed"],
    [200, error(-32_602), "failed"],
    [200, error(-32_602, "Method requires valid account parameter"), "unauthorized"],
    [200, error(-32_603), "unknown"],
    [200, error(-99), "unknown"],
    [200, result({}), "unknown"],
    [200, "", "unknown"],
    [500, "ERROR", "unknown"],
    [502, "<html>", "unknown"],
    [401, "", "unauthorized"],
    [403, "", "unauthorized"],
    [404, "", "retry"],
    [429, "", "retry"],
  ])("calls status %i with %j the right thing", async (status, body, outcome) => {
    const url = await serve((_request, response) => {
      response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    });
    const { account } = await start({}, { url });
    const got = await account.send(pieceTo(ada, "Hi"), never);
    expect(got.outcome).toBe(outcome);
    expect(JSON.stringify(got)).not.toMatch(/Secret/);
  });
});
