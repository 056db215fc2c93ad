import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeSlack, startFakeSlack } from "./index.ts";
import { mrkdwnFault, shownText } from "./mrkdwn.ts";

let fake: FakeSlack;

beforeEach(async () => {
  fake = await startFakeSlack();
});
afterEach(() => fake.close());

async function call(method: string, args: Readonly<Record<string, string>>, token = fake.botToken) {
  const response = await fetch(`${fake.apiUrl}${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: new URLSearchParams(args),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, retryAfter: response.headers.get("retry-after"), body };
}

test("refuses wrong tokens, and both kinds in the other's place", async () => {
  expect((await call("auth.test", {}, "xoxb-other")).body).toEqual({
    ok: false,
    error: "invalid_auth",
  });
  expect((await call("apps.connections.open", {})).body).toMatchObject({ error: "invalid_auth" });
  expect((await call("apps.connections.open", {}, fake.appToken)).body).toMatchObject({ ok: true });
});

test("answers 429 over the rate of a channel, and calls it a violation", async () => {
  const channel = fake.channelOf("room", "group");
  const answers = [];
  for (let count = 0; count < 3; count += 1) {
    answers.push(await call("chat.postMessage", { channel, text: `message ${count}` }));
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers[2]).toMatchObject({ retryAfter: "1", body: { ok: false, error: "ratelimited" } });
  expect(fake.violations).toHaveLength(1);
  expect(fake.shown("room")).toHaveLength(2);
});

test("shows metadata to those who ask for it", async () => {
  const channel = fake.channelOf("room", "group");
  const metadata = { event_type: "t", event_payload: { key: "k" } };
  await call("chat.postMessage", { channel, text: "hello", metadata: JSON.stringify(metadata) });
  const whole = await call("conversations.history", { channel, include_all_metadata: "true" });
  expect(whole.body).toMatchObject({ messages: [{ text: "hello", metadata }] });
  const { body } = await call("conversations.history", { channel });
  expect(JSON.stringify(body)).not.toContain("event_payload");
});

test.each([
  ["fine &amp; <https://example.org|x> <@U1> *b*", undefined],
  ["> a quote", undefined],
  ["a & b", "an unescaped &"],
  ["a < b", "an unescaped <"],
  ["a > b", "an unescaped >"],
])("%s has the fault %s", (text, fault) => {
  expect(mrkdwnFault(text)).toBe(fault);
});

test("texts are shown without their markup", () => {
  expect(shownText("*b* _i_ ~s~ `a*b*` <https://example.org|x> &lt;3 snake_case_name")).toBe(
    "b i s a*b* x <3 snake_case_name",
  );
});
