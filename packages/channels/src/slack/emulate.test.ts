import { createServer } from "node:net";
import { HoldfastError } from "@holdfast/core";
import { createSeededRandom } from "@holdfast/testkit";
import { createEmulator, type Emulator } from "emulate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { slack } from "./index.ts";

const never = new AbortController().signal;
let emulator: Emulator;
let channel: string;

/** The sends against Slack as others understood it, written independently of the fake. */
describe("on an emulated Slack", () => {
  beforeAll(async () => {
    emulator = await createEmulator({
      service: "slack",
      port: await freePort(),
      seed: {
        tokens: { "xoxb-emulated": { login: "ada", scopes: [] } },
        slack: {
          users: [{ name: "ada", email: "ada@example.org" }],
          channels: [{ name: "general" }],
        },
      },
    });
    const listed = await api("conversations.list", {});
    channel = (listed["channels"] as { id: string }[])[0]?.id ?? "";
  });
  afterAll(() => emulator.close());

  test("the check names the account", async () => {
    expect(await open("xoxb-emulated").check(never)).toMatchObject({ ok: true });
  });

  test("a text is posted with its key, and found in its thread", async () => {
    const account = open("xoxb-emulated");
    const [one] = account.render("**one** < two & [three](https://example.org)");
    const [two] = account.render("two");
    if (one === undefined || two === undefined) throw new Error("No piece.");
    const chat = { kind: "channel", id: channel } as const;
    const sent = await account.send({ piece: one, chat, key: "key-1" }, never);
    expect(sent).toMatchObject({ outcome: "sent" });
    const platformId = sent.outcome === "sent" ? sent.platformId : "";
    const reply = { piece: two, chat: { ...chat, thread: platformId }, key: "key-2" };
    expect(await account.send(reply, never)).toMatchObject({ outcome: "sent" });

    const { messages } = await api("conversations.replies", { channel, ts: platformId });
    expect(messages).toMatchObject([
      {
        ts: platformId,
        text: expect.stringContaining("one"),
        metadata: { event_payload: { key: "key-1" } },
      },
      { thread_ts: platformId, metadata: { event_payload: { key: "key-2" } } },
    ]);
  });

  test("what Slack refuses has the same outcomes", async () => {
    const account = open("xoxb-emulated");
    const [piece] = account.render("hello");
    if (piece === undefined) throw new Error("No piece.");
    const gone = { kind: "channel", id: "C0000GONE" } as const;
    expect(await account.send({ piece, chat: gone, key: "key-3" }, never)).toMatchObject({
      outcome: "failed",
    });
  });
});

function open(token: string) {
  return slack.open({
    organization: "acme",
    name: "slack",
    settings: slack.settings.parse({
      mode: "http",
      apiUrl: `${emulator.url}/api/`,
      botToken: { fromEnv: "BOT" },
      signingSecret: { fromEnv: "SIGNING" },
    }),
    secret: (ref) => {
      if ("fromEnv" in ref) return token;
      throw new HoldfastError("account_unauthorized", "No such file.");
    },
    clock: {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      schedule: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return () => clearTimeout(timer);
      },
      soon: (run) => void setImmediate(run),
    },
    random: createSeededRandom(1),
    report: () => {},
  });
}

async function api(method: string, args: Readonly<Record<string, string>>) {
  const response = await fetch(`${emulator.url}/api/${method}`, {
    method: "POST",
    headers: { authorization: "Bearer xoxb-emulated" },
    body: new URLSearchParams(args),
  });
  return (await response.json()) as Record<string, unknown>;
}

/** The emulator takes no port of the system's choice. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("No port.");
  return address.port;
}
