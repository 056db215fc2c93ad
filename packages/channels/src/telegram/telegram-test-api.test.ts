import { type AddressInfo, createServer } from "node:net";
import { TelegramServer } from "telegram-test-api/lib/telegramServer.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { direct, fakeInbound, never, openTelegram } from "./testing/open-account.ts";

const token = "4200000002:token-of-the-published-stand-in_0";
let server: TelegramServer;
let apiUrl: string;

beforeEach(async () => {
  const port = await freePort();
  server = new TelegramServer({ port, host: "127.0.0.1" });
  await server.start();
  apiUrl = `http://127.0.0.1:${port}`;
});

afterEach(async () => {
  await server.stop();
});

/** A stand-in that others wrote: what both fakes have in common is not this project's imagination. */
describe("the adapter against telegram-test-api", () => {
  it("polls what a person writes, and answers it", async () => {
    const { account } = openTelegram({
      settings: { token: { fromEnv: "TOKEN" }, apiUrl },
      env: { TOKEN: token },
    });
    const stop = new AbortController();
    const inbound = fakeInbound();
    const receiving = account.receive?.(inbound, stop.signal);
    const person = server.getClient(token, { userId: 5, chatId: 5, firstName: "Ada" });
    await person.sendMessage(person.makeMessage("hello"));
    const [event] = await inbound.messages(1);
    expect(event).toMatchObject({ text: "hello", sender: { id: "5", name: "Ada", isBot: false } });

    const [piece] = account.render("**hi** Ada");
    if (!piece) throw new Error("no piece");
    const sent = await account.send({ piece, chat: direct("5"), key: "k1" }, never);
    expect(sent.outcome).toBe("sent");
    const shown = await person.getUpdates();
    expect(shown.result).toMatchObject([
      { message: { text: "<b>hi</b> Ada", parse_mode: "HTML" } },
    ]);
    stop.abort();
    await receiving;
    await account.close?.();
  });
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
