import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import type { SendOutcome } from "@holdfast/core";
import { describe, expect, it } from "vitest";
import { accountOptions } from "../http/testing/account-options.ts";
import { whatsapp } from "./index.ts";
import { ada, closers, eventsOf, messagesOf, never, pieceTo, start } from "./testing/world.ts";

/** A send to a server that does what the test says. */
async function sendTo(listen: RequestListener, changed: object = {}): Promise<SendOutcome> {
  const server: Server = createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { account } = await start({}, { apiUrl, ...changed });
  return account.send(pieceTo(ada, "Hello"), never);
}

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(typeof body === "string" ? body : JSON.stringify(body));
  };
const graphError = (code: number, more: object = {}) => ({
  error: { message: "Malformed token fake-whatsapp-access-token", type: "X", code, ...more },
});

describe("sends", () => {
  it("sends a text with its key, and quotes nothing to the only person there", async () => {
    const world = await start();
    world.fake.say({ chat: ada, text: "Hello" });
    await world.fake.settled();
    const replyTo = messagesOf(world)[0]?.messageId ?? "";
    const pieces = world.account.render("**Hello** <b> 👍");
    expect(world.account.render("**Hello** <b> 👍")).toEqual(pieces);
    const [piece] = pieces;
    if (piece === undefined) throw new Error("no piece");
    const outcome = await world.account.send(
      pieceTo(ada, "", { piece, replyTo, key: "turn.1-a_b" }),
      never,
    );
    expect(outcome).toEqual({ outcome: "sent", platformId: expect.stringMatching(/^wamid\./) });
    expect(world.fake.shown(ada)).toMatchObject([
      {
        text: "Hello <b> 👍",
        raw: {
          to: ada,
          text: { body: "*Hello* <b> 👍", preview_url: false },
          biz_opaque_callback_data: "turn.1-a_b",
        },
      },
    ]);
    expect(world.fake.shown(ada)[0]?.raw).not.toHaveProperty("context");
    expect(world.fake.violations).toEqual([]);
  });

  it("tells from the statuses what became of a message, in whatever order they come", async () => {
    const world = await start({ statuses: ["delivered", "read"], faults: { reordered: 0.5 } });
    world.fake.say({ chat: ada, text: "Hello" });
    await world.fake.settled();
    const sent = await world.account.send(pieceTo(ada, "Hi"), never);
    if (sent.outcome !== "sent") throw new Error(sent.reason);
    world.fake.status(sent.platformId, "failed", 131026);
    world.fake.status(sent.platformId, "deleted");
    await world.fake.settled();
    const receipts = eventsOf(world).filter((event) => event.type === "receipt");
    expect(receipts.map((receipt) => receipt.state).toSorted()).toEqual([
      "delivered",
      "failed",
      "read",
      "sent",
    ]);
    expect(new Set(receipts.map((receipt) => receipt.eventId)).size).toBe(4);
    for (const receipt of receipts) {
      expect(receipt).toMatchObject({
        chat: { kind: "direct", id: ada },
        messageId: sent.platformId,
        key: "key-1",
      });
      expect(receipt.reason ?? "131026").toMatch(/131026/);
    }
    const what = eventsOf(world).flatMap((event) => (event.type === "ignored" ? [event.what] : []));
    expect(what).toEqual(["unknown_event"]);
  });

  it("fails in a chat that never wrote, in a blocked one, and in groups", async () => {
    const world = await start();
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toEqual({
      outcome: "failed",
      reason: expect.stringMatching(/24 hours.*131047/),
    });
    world.fake.say({ chat: ada, text: "Hello" });
    world.fake.block(ada);
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "failed",
      reason: expect.stringMatching(/131026/),
    });
    const group = { kind: "group", id: "g" } as const;
    expect(await world.account.send(pieceTo(ada, "Hi", { chat: group }), never)).toMatchObject({
      outcome: "failed",
    });
    const piece = { body: { html: "x" }, text: "x" };
    expect(await world.account.send(pieceTo(ada, "Hi", { piece }), never)).toMatchObject({
      outcome: "failed",
    });
  });

  it("hears of a closed window by a status, too", async () => {
    const world = await start({ windowErrors: "status" });
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({ outcome: "sent" });
    await world.fake.settled();
    expect(eventsOf(world)).toMatchObject([{ type: "receipt", state: "failed", key: "key-1" }]);
    expect(world.fake.shown(ada)).toEqual([]);
  });

  it("waits where a rate is exceeded: the person's for the chat, the number's for the account", async () => {
    const world = await start({ speed: 1 });
    world.fake.say({ chat: ada, text: "Hello" });
    let outcome: SendOutcome = { outcome: "sent", platformId: "" };
    let count = 0;
    while (outcome.outcome === "sent" && count < 100) {
      outcome = await world.account.send(pieceTo(ada, "Hi"), never);
      count += 1;
    }
    expect(outcome).toMatchObject({ outcome: "retry", scope: "chat", afterMs: 6_000 });
    expect(count).toBe(46);
    expect(world.fake.violations).toEqual(["The pair rate was exceeded."]);
    world.fake.faults = { tooMany: 1 };
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "retry",
      scope: "account",
      afterMs: 1_000,
    });
  });

  it("is unauthorized when the token is revoked or not to be read", async () => {
    const world = await start();
    world.fake.revoke(true);
    const outcome = await world.account.send(pieceTo(ada, "Hi"), never);
    expect(outcome).toMatchObject({ outcome: "unauthorized" });
    const blind = whatsapp.open(accountOptions(world.options.settings, {}));
    expect(await blind.send(pieceTo(ada, "Hi"), never)).toMatchObject({ outcome: "unauthorized" });
    await blind.close?.();
  });

  it.each([
    [500, graphError(131000), "retry"],
    [500, graphError(1), "retry"],
    [503, graphError(2), "retry"],
    [400, graphError(131016), "retry"],
    [400, graphError(999_999, { is_transient: true }), "retry"],
    [400, graphError(999_999), "failed"],
    [400, graphError(100), "failed"],
    [400, graphError(131008), "failed"],
    [400, graphError(131009), "failed"],
    [400, graphError(131051), "failed"],
    [400, graphError(132001), "failed"],
    [403, graphError(10), "unauthorized"],
    [403, graphError(230), "unauthorized"],
    [401, graphError(0), "unauthorized"],
    [401, graphError(999_999), "unauthorized"],
    [400, graphError(368), "unauthorized"],
    [429, graphError(4), "retry"],
    [429, graphError(999_999), "retry"],
    [429, "slow down", "retry"],
    [401, "who are you", "unauthorized"],
    [413, "too large", "retry"],
    [302, "", "retry"],
    [500, "oops", "unknown"],
    [502, "<html>", "unknown"],
    [504, "", "unknown"],
    [200, "{}", "unknown"],
    [200, "", "unknown"],
    [200, { messages: [] }, "unknown"],
    [200, `"${"x".repeat(300 * 1024)}"`, "unknown"],
  ])("calls status %i with %j the right thing", async (status, body, outcome) => {
    const result = await sendTo(answer(status, body));
    expect(result.outcome).toBe(outcome);
    expect(JSON.stringify(result)).not.toMatch(/access-token/);
  });

  it("takes the wait that is named", async () => {
    const slow = answer(429, graphError(130429), { "retry-after": "7" });
    expect(await sendTo(slow)).toMatchObject({
      outcome: "retry",
      afterMs: 7_000,
      scope: "account",
    });
  });

  it("does not know what became of a send whose answer is lost or cut", async () => {
    const world = await start({ faults: { lostAnswer: 1 } });
    world.fake.say({ chat: ada, text: "Hello" });
    expect(await world.account.send(pieceTo(ada, "Hi"), never)).toMatchObject({
      outcome: "unknown",
    });
    // It was taken: this is why it must not be sent again.
    expect(world.fake.shown(ada)).toHaveLength(1);
    await world.fake.settled();
    expect(eventsOf(world)).toContainEqual(
      expect.objectContaining({ type: "receipt", state: "delivered", key: "key-1" }),
    );
    const cut: RequestListener = (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"messages"', () => response.destroy());
    };
    expect(await sendTo(cut)).toMatchObject({ outcome: "unknown" });
    expect(await sendTo((request) => request.socket.destroy())).toMatchObject({
      outcome: "unknown",
    });
  });

  it("sends once though the platform has trouble, and with slow answers", async () => {
    const world = await start({ faults: { serverError: 0.4, tooMany: 0.4, slow: 0.3 }, seed: 5 });
    world.fake.say({ chat: ada, text: "Hello" });
    for (let number = 0; number < 6; number += 1) {
      let outcome: SendOutcome["outcome"] = "retry";
      while (outcome === "retry") {
        ({ outcome } = await world.account.send(pieceTo(ada, `${number}`), never));
      }
      expect(outcome).toBe("sent");
    }
    expect(world.fake.shown(ada).map((message) => message.text)).toEqual([
      "0",
      "1",
      "2",
      "3",
      "4",
      "5",
    ]);
    expect(world.fake.counts["serverError"]).toBeGreaterThan(0);
  });

  it("may be repeated when nothing was sent: no connection, no name, no TLS, given up before", async () => {
    const listener = createTcpServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as AddressInfo;
    const tls = createTcpServer((socket) => socket.on("data", () => socket.destroy())).listen(
      0,
      "127.0.0.1",
    );
    await new Promise((resolve) => tls.once("listening", resolve));
    const tlsPort = (tls.address() as AddressInfo).port;
    await new Promise((resolve) => listener.close(resolve));
    closers.push(() => new Promise((resolve) => tls.close(resolve)));
    for (const apiUrl of [
      `http://127.0.0.1:${port}`,
      `https://127.0.0.1:${tlsPort}`,
      "https://name.invalid/v23.0",
    ]) {
      const { account } = await start({}, { apiUrl });
      const outcome = await account.send(pieceTo(ada, "Hi"), never);
      expect(outcome).toMatchObject({ outcome: "retry" });
      expect(JSON.stringify(outcome)).not.toMatch(/127|invalid/);
    }
    const world = await start();
    expect(await world.account.send(pieceTo(ada, "Hi"), AbortSignal.abort())).toMatchObject({
      outcome: "retry",
    });
  });

  it("does not know when it is told to stop after the request was written", async () => {
    const stop = new AbortController();
    const server = createServer(() => stop.abort()).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    closers.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { account } = await start({}, { apiUrl });
    expect(await account.send(pieceTo(ada, "Hi"), stop.signal)).toMatchObject({
      outcome: "unknown",
    });
  });
});
