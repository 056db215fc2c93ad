import { createHmac, randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ChatClient } from "./chat-client.ts";
import { ChatWorld } from "./chat-world.ts";

let world: ChatWorld;
const clients: ChatClient[] = [];

beforeAll(async () => {
  world = await ChatWorld.start();
  const signed = { visitorSecret: { fromEnv: "VISITORS" } };
  await world.cluster.apply([
    world.account("pairing", {}, { access: { direct: "pairing" } }),
    world.account("listed", {}, { access: { direct: "allowlist" } }),
    world.account("shared", {}, { scope: "main" }),
    world.account("signed", signed),
    world.account("moved"),
    { kind: "Agent", organization: "acme", name: "other", model: "paced/any" },
  ]);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => world.close());

const page = "https://www.example.org";
const newId = () => randomBytes(16).toString("hex");

function connect(account = "site", node = 0, origin: string | undefined = page): ChatClient {
  const base = world.nodes[node]?.url.replace("https:", "wss:");
  const client = new ChatClient(`${base}/chat/acme/${account}/ws`, world.cluster.ca, origin);
  clients.push(client);
  return client;
}

async function say(client: ChatClient, text: string): Promise<string> {
  const id = newId();
  client.send({ type: "send", id, text });
  await client.frame("accepted", (frame) => frame["id"] === id);
  await client.frame("message", (frame) => frame["role"] === "assistant");
  return id;
}

describe("a page", () => {
  it.each(["https://evil.example", "null", "http://www.example.org", undefined])(
    "with the origin %s cannot open the chat",
    async (origin) => {
      const base = world.nodes[0]?.url.replace("https:", "wss:");
      const client = new ChatClient(`${base}/chat/acme/site/ws`, world.cluster.ca, origin);
      clients.push(client);
      expect(await client.refusal()).toBe(403);
    },
  );

  it("finds no chat of a name that is not there", async () => {
    expect(await connect("absent").refusal()).toBe(404);
  });
});

describe("a visitor", () => {
  it("sees the conversation again at another node, and what was missed only", async () => {
    const first = connect();
    const { visitor, conversation } = await first.hello();
    await say(first, "one");
    const second = connect("site", 1);
    await second.hello({ visitor, conversation });
    expect(second.texts).toEqual(["one", "You said: one"]);
    const third = connect("site", 2);
    await third.hello({ visitor, conversation, after: 0 });
    expect(third.texts).toEqual(["You said: one"]);
  });

  it("who repeats a message after losing the connection has it handled once", async () => {
    const first = connect();
    const { visitor, conversation } = await first.hello();
    const id = newId();
    first.send({ type: "send", id, text: "only once" });
    first.send({ type: "send", id, text: "only once" });
    first.close();
    const second = connect("site", 1);
    await second.hello({ visitor, conversation, pending: [id] });
    second.send({ type: "send", id, text: "only once" });
    await second.frame("message", ({ role }) => role === "assistant");
    await second.frame("message", (frame) => frame["id"] === id);
    const third = connect("site", 2);
    await third.hello({ visitor });
    expect(third.texts).toEqual(["only once", "You said: only once"]);
  });

  it("reads nothing of another's conversation, whatever is claimed", async () => {
    const victim = connect();
    const { conversation, visitor } = await victim.hello();
    await say(victim, "a secret of mine");
    const [, id] = /(v[0-9a-f]+)#/.exec(String(conversation)) ?? [];
    const claims = [
      {},
      { conversation, after: -1 },
      { visitor: id, conversation },
      { visitor: conversation, conversation },
      { visitor: `${String(visitor).slice(0, -1)}~` },
      { visitor: "0".repeat(26), conversation },
      { visitor: "x".repeat(200), conversation },
    ];
    for (const claim of claims) {
      const thief = connect();
      const welcome = await thief.hello(claim);
      expect(welcome["conversation"]).not.toBe(conversation);
      expect(thief.texts).toEqual([]);
    }
  });

  it("has an own conversation also where the account shares one", async () => {
    const [one, other] = [connect("shared"), connect("shared")];
    await one.hello();
    await say(one, "mine alone");
    const welcome = await other.hello();
    expect(welcome["conversation"]).toMatch(/^web:shared:direct:v/);
    expect(other.texts).toEqual([]);
  });

  it("says of an answer that it arrived, also when the line broke before", async () => {
    const first = connect();
    const { visitor, conversation } = await first.hello();
    await say(first, "one");
    first.close();
    const second = connect("site", 1);
    await second.hello({ visitor, conversation, after: 1 });
    second.send({ type: "ack", index: 1 });
    const id = String(conversation).replace(/#.*/, "");
    const path = `/api/v1/orgs/acme/agents/helper/conversations/${id}/deliveries`;
    await expect
      .poll(async () => (await world.cluster.call("GET", path)).body, { timeout: 10_000 })
      .toMatchObject({ items: [{ state: "delivered" }] });
  });

  it("begins anew with the account's new agent, and is answered", async () => {
    const first = connect("moved");
    const { visitor, conversation } = await first.hello();
    await say(first, "one");
    await say(first, "two");
    await world.cluster.apply([world.account("moved", {}, { agent: "other" })]);
    expect(await first.closeCode()).toBe(4409);
    const second = connect("moved");
    expect(await second.hello({ visitor, conversation, after: 3 })).toMatchObject({ after: -1 });
    await say(second, "are you there?");
    expect(second.texts).toEqual(["are you there?", "You said: are you there?"]);
  });
});

describe("whom the operator does not know", () => {
  it("is told a code, and may write when it was approved", async () => {
    const client = connect("pairing");
    await client.hello();
    const id = newId();
    client.send({ type: "send", id, text: "hello" });
    const { code, message } = await client.frame("error", (frame) => frame["id"] === id);
    expect(code).toBe("forbidden");
    const [pairing = ""] = /[A-Z0-9]{8}$/.exec(String(message)) ?? [];
    const path = "/api/v1/orgs/acme/accounts/pairing/pairings";
    expect(await world.cluster.call("POST", path, { code: pairing })).toMatchObject({
      status: 200,
    });
    client.send({ type: "send", id, text: "hello" });
    await client.frame("accepted", (frame) => frame["id"] === id);
    await client.frame("message", (frame) => frame["text"] === "You said: hello");
  });

  it("is refused by a list, and told why", async () => {
    const client = await connect("listed").opened();
    client.send({ type: "hello" });
    expect(await client.frame("error")).toMatchObject({ code: "forbidden" });
    expect(await client.closeCode()).toBe(4403);
  });

  it("is refused without the signature of the page", async () => {
    const expires = Date.now() + 60_000;
    const sign = (text: string) =>
      createHmac("sha256", "a-secret-of-the-page").update(text).digest("hex");
    const signature = sign(`acme/signed.${expires}.customer-42`);
    const good = connect("signed");
    const signed = { id: "customer-42", expires, signature };
    const { conversation } = await good.hello({ signed });
    expect(conversation).toMatch(/^web:signed:direct:customer-42#/);
    for (const hello of [{}, { signed: { ...signed, id: "customer-43" } }]) {
      const bad = await connect("signed").opened();
      bad.send({ type: "hello", ...hello });
      expect(await bad.closeCode()).toBe(4403);
      expect(bad.frames).toMatchObject([{ type: "error", code: "unauthenticated" }]);
    }
  });
});

describe("a browser that breaks the rules", () => {
  it.each([
    "{",
    '{"type":"send","id":"0123456789","text":"before hello"}',
    '{"type":"hello","x":1}',
  ])("is closed: %s", async (text) => {
    const client = await connect().opened();
    client.send(text);
    expect(await client.closeCode()).toBe(4400);
  });

  it("is closed with a frame that is too large, or too many", async () => {
    const large = await connect().opened();
    large.send("x".repeat(200 * 1024));
    expect(await large.closeCode()).toBe(1009);
    const many = connect();
    await many.hello();
    for (let count = 0; count < 200; count += 1) many.send({ type: "ack", index: 0 });
    expect(await many.closeCode()).toBe(4429);
  });

  it("may not write faster than people do, and is told how long to wait", async () => {
    const client = connect();
    await client.hello();
    for (let count = 0; count < 25; count += 1) {
      client.send({ type: "send", id: newId(), text: `${count}` });
    }
    const error = await client.frame("error");
    expect(error).toMatchObject({ code: "rate_limited" });
    expect(error["retryAfterMs"]).toBeGreaterThan(0);
  });
});
