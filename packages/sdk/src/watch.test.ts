import { afterEach, beforeEach, expect, it } from "vitest";
import { type Client, createClient } from "./client.ts";
import { type FakeNode, startFakeNode } from "./testing/index.ts";
import type { WatchEvent } from "./types.ts";

const to = { organization: "demo", agent: "greeter", conversation: "c1" };

let node: FakeNode;
let client: Client;
let stop: AbortController;
beforeEach(async () => {
  node = await startFakeNode();
  client = createClient({
    url: node.url,
    token: node.token,
    reconnectMinMs: 1,
    heartbeatTimeoutMs: 200,
  });
  stop = new AbortController();
  await client.apply([
    { kind: "Organization", name: "demo" },
    { kind: "Agent", organization: "demo", name: "greeter", model: "default" },
  ]);
});
afterEach(async () => {
  stop.abort();
  await node.close();
});

/** Reads events until one fits; gives all that were read. */
async function readUntil(
  events: AsyncIterator<WatchEvent>,
  fits: (event: WatchEvent) => boolean,
): Promise<WatchEvent[]> {
  const seen: WatchEvent[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error(`the watch ended after ${JSON.stringify(seen)}`);
    seen.push(value);
    if (fits(value)) return seen;
  }
}

const isType = (type: WatchEvent["type"]) => (event: WatchEvent) => event.type === type;

it("gives the events of a turn in order", async () => {
  const events = client.watch(to, { signal: stop.signal })[Symbol.asyncIterator]();
  await readUntil(events, isType("connected"));
  await client.send(to, "hello");
  const seen = await readUntil(events, isType("committed"));
  expect(seen.map((event) => event.type)).toEqual(["started", "delta", "delta", "committed"]);
  const text = seen.map((event) => (event.type === "delta" ? event.text : "")).join("");
  expect(text).toBe("You said: hello");
});

it("replays what was missed while the connection was broken", async () => {
  const events = client.watch(to, { signal: stop.signal })[Symbol.asyncIterator]();
  await readUntil(events, isType("connected"));
  await client.ask(to, "one");
  await readUntil(events, isType("committed"));
  node.dropConnections();
  await readUntil(events, isType("disconnected"));
  await client.ask(to, "two");
  const seen = await readUntil(
    events,
    (event) => event.type === "message" && event.message.role === "assistant",
  );
  const texts = seen.map((event) => (event.type === "message" ? event.message.text : event.type));
  expect(texts).toEqual(["connected", "two", "You said: two"]);
  expect(node.requests.at(-1)?.headers["last-event-id"]).toBe("1");
});

it("opens a silent stream anew", async () => {
  const events = client.watch(to, { signal: stop.signal })[Symbol.asyncIterator]();
  await readUntil(events, isType("connected"));
  const [lost] = await readUntil(events, isType("disconnected"));
  expect(lost).toMatchObject({ reason: "no event and no heartbeat for 200 ms" });
  await readUntil(events, isType("connected"));
});

it("begins behind the message it is told", async () => {
  await client.ask(to, "one");
  const events = client.watch(to, { signal: stop.signal, after: 0 })[Symbol.asyncIterator]();
  const seen = await readUntil(events, isType("message"));
  expect(seen.at(-1)).toMatchObject({ message: { index: 1 } });
});

it("ends with its signal and throws what a repeat does not mend", async () => {
  const events = client.watch(to, { signal: stop.signal })[Symbol.asyncIterator]();
  await readUntil(events, isType("connected"));
  stop.abort();
  expect((await events.next()).done).toBe(true);
  const nobody = client.watch({ ...to, agent: "nobody" }, { signal: new AbortController().signal });
  await expect(nobody[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: "agent_not_found",
  });
});
