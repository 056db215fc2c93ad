import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accountOf, eventually, OneNode, type RawRequest, shows } from "./one-node.ts";
import { otherSecret, startWebhookPlatforms, type WebhookPlatform } from "./signed-webhooks.ts";

const MiB = 1024 * 1024;
const minuteMs = 60_000;
const kinds = ["telegram", "slack", "discord", "whatsapp"] as const;

let platforms: ReadonlyMap<string, WebhookPlatform>;
let node: OneNode;

beforeAll(async () => {
  const started = await startWebhookPlatforms();
  platforms = new Map(started.map((platform) => [platform.fake.kind, platform]));
  const env = Object.assign({ OTHER_SECRET: otherSecret }, ...started.map(({ env: own }) => own));
  node = await OneNode.start(env);
  for (const { fake, settings, otherSettings } of started) {
    const other = { name: `${fake.kind}-other` };
    await node.apply([accountOf(fake.kind, otherSettings, other)]);
    await node.account(fake, settings);
  }
  await node.apply([accountOf("telegram", pollingOf(platform("telegram")), { name: "polling" })]);
  // WhatsApp shows nothing to a person who has not written.
  const { fake, chat } = platform("whatsapp");
  fake.say({ chat, text: "hello" });
  await shows(fake, chat, 1);
});

afterAll(async () => {
  await node?.close();
  await Promise.all([...(platforms?.values() ?? [])].map(({ fake }) => fake.close()));
});

function platform(kind: string): WebhookPlatform {
  const found = platforms.get(kind);
  if (!found) throw new Error(`no platform ${kind}`);
  return found;
}

function pollingOf({ settings }: WebhookPlatform): object {
  const { webhook: _, ...polling } = settings;
  return polling;
}

const json = { "content-type": "application/json" };

function signed({ sign }: WebhookPlatform, body: string, ageMs?: number): RawRequest {
  return { headers: { ...json, ...sign(body, ageMs) }, body };
}

/** A genuine message after it is answered, and nothing else was heard or shown meanwhile. */
async function hearsOnly(own: WebhookPlatform, attack: () => Promise<void>): Promise<void> {
  const { fake, chat, conversation } = own;
  const [shown, heard] = [fake.shown(chat).length, (await node.heard(conversation)).length];
  await attack();
  const word = `genuine-${shown}-${heard}`;
  const answer = await node.send(fake.kind, signed(own, own.message(word)));
  expect(answer.status, answer.text).toBe(200);
  const texts = await shows(fake, chat, shown + 1);
  expect(texts.slice(shown)).toEqual([`echo: ${word}`]);
  expect((await node.heard(conversation)).slice(heard)).toEqual([word]);
}

describe.each(kinds)("%s", (kind) => {
  test("what is forged is refused before it is read, and has no effect", async () => {
    const own = platform(kind);
    const forged = own.message("forged");
    const { headers } = signed(own, forged);
    const wrong = Object.fromEntries(
      Object.entries(own.sign(forged)).map(([name, value]) => [name, broken(value)]),
    );
    const empty = Object.fromEntries(Object.keys(own.sign(forged)).map((name) => [name, ""]));
    const attacks: RawRequest[] = [
      { headers: json, body: forged },
      { headers: { ...json, ...wrong }, body: forged },
      { headers: { ...json, ...empty }, body: forged },
      { headers: { ...json, ...wrong }, body: "{ this is no JSON" },
      { headers: { ...json, ...wrong }, body: "[".repeat(2 * MiB) },
      { headers: { ...json, ...wrong } },
      { headers: { "content-type": "text/html", ...wrong }, body: forged },
    ];
    // The others sign the body: another one with the same signature is forged, too.
    if (kind !== "telegram") attacks.push({ headers: headers ?? {}, body: `${forged} ` });
    await hearsOnly(own, async () => {
      for (const attack of attacks) {
        const answer = await node.send(kind, attack);
        expect([answer.status, answer.code], answer.text).toEqual([401, "webhook_unverified"]);
        // Nobody learns from the answer what would have been right.
        expect(answer.text).not.toContain(forged);
        for (const value of Object.values(own.sign(forged))) {
          if (value.length > 16) expect(answer.text).not.toContain(value);
        }
      }
    });
  });

  test("what is signed for another account is refused", async () => {
    const own = platform(kind);
    await hearsOnly(own, async () => {
      const answer = await node.send(`${kind}-other`, signed(own, own.message("not for you")));
      expect([answer.status, answer.code], answer.text).toEqual([401, "webhook_unverified"]);
    });
  });

  test("what comes again has one effect", async () => {
    const own = platform(kind);
    const { fake, chat, conversation } = own;
    const shown = fake.shown(chat).length;
    const heard = (await node.heard(conversation)).length;
    const request = signed(own, own.message("once"));
    const first = await Promise.all(Array.from({ length: 5 }, () => node.send(kind, request)));
    for (const { status, text } of first) expect(status, text).toBe(200);
    await shows(fake, chat, shown + 1);
    const again = await node.send(kind, request);
    expect(again.status, again.text).toBe(200);
    await hearsOnly(own, () => Promise.resolve());
    expect(fake.shown(chat).slice(shown)).toHaveLength(2);
    expect((await node.heard(conversation)).slice(heard)).toHaveLength(2);
  });

  test("what is stale, or from the future, is refused where the platform tells the time", async () => {
    const own = platform(kind);
    if (!own.tellsTime) return;
    await hearsOnly(own, async () => {
      for (const ageMs of [10 * minuteMs, 60 * 24 * minuteMs, -10 * minuteMs]) {
        const answer = await node.send(kind, signed(own, own.message("stale"), ageMs));
        expect([answer.status, answer.code], answer.text).toEqual([401, "webhook_unverified"]);
      }
    });
  });

  test("what is cut off on its way has no effect", async () => {
    const own = platform(kind);
    const { headers, body } = signed(own, own.message("cut off"));
    await hearsOnly(own, async () => {
      await cutOff(node.webhook(kind), headers ?? {}, String(body));
      // All of the body, and less than its signature was made for.
      const half = String(body).slice(0, -20);
      const answer = await node.send(kind, { headers: headers ?? {}, body: half });
      expect(answer.status, answer.text).toBe(kind === "telegram" ? 400 : 401);
    });
  });

  test("genuine signatures of nonsense bring no answer of the 500s, and no effect", async () => {
    const own = platform(kind);
    const message = own.message("nonsense");
    const depth = 100_000;
    const bodies = [
      "",
      "{",
      "null",
      "0",
      '"text"',
      "[]",
      "{}",
      '{"update_id":1e400,"type":1e400}',
      '{"__proto__":{"type":2},"constructor":{"prototype":{"type":2}}}',
      `${"[".repeat(depth)}${"]".repeat(depth)}`,
      `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`,
      message.slice(0, -1),
      message.replaceAll(":", ":["),
      `{"type":"event_callback","event":{"type":"message"},"object":"x","entry":{}}`,
      `{"type":2,"id":"x","token":"../..","channel":{"id":"1"},"data":{"name":"a"}}`,
    ];
    // A slash command may have any options: what is no text among them is left out.
    const deepText = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    if (kind !== "discord") bodies.push(message.replace('"nonsense"', deepText));
    await hearsOnly(own, async () => {
      for (const body of bodies) {
        const answer = await node.send(kind, signed(own, body));
        expect(answer.status, `${body.slice(0, 60)}: ${answer.text}`).toBeLessThan(500);
        if (answer.status >= 400) expect(answer.text.length).toBeLessThan(1_000);
      }
    });
  });

  test("other methods, types, sizes and addresses are refused with the right code", async () => {
    const own = platform(kind);
    const body = own.message("by another way");
    const { headers = {} } = signed(own, body);
    await hearsOnly(own, async () => {
      for (const method of ["PUT", "DELETE", "PATCH"]) {
        const answer = await node.send(kind, { method, headers, body });
        expect([answer.status, answer.code]).toEqual([405, "method_not_allowed"]);
      }
      for (const method of ["GET", "HEAD", "OPTIONS", "TRACE"]) {
        const { status } = await node.send(kind, { method, headers });
        expect(status, method).toBeGreaterThanOrEqual(400);
        expect(status, method).toBeLessThan(500);
      }
      const huge = await node.send(kind, { headers, body: "x".repeat(5 * MiB) });
      expect([huge.status, huge.code]).toEqual([413, "payload_too_large"]);
    });
  });
});

test("a type that nobody expects is read for what it is, or refused", async () => {
  const telegram = platform("telegram");
  const shown = telegram.fake.shown(telegram.chat).length;
  const body = telegram.message("typed oddly");
  const answer = await node.send("telegram", {
    headers: { ...telegram.sign(body), "content-type": "application/x-www-form-urlencoded" },
    body,
  });
  expect(answer.status).toBeLessThan(500);
  if (answer.status === 200) await shows(telegram.fake, telegram.chat, shown + 1);
  // Slack signs forms, too: a message in the clothes of one is none.
  const slack = platform("slack");
  const form = slack.message("no form");
  const refused = await node.send("slack", {
    headers: { ...slack.sign(form), "content-type": "application/x-www-form-urlencoded" },
    body: form,
  });
  expect([refused.status, refused.code]).toEqual([400, "invalid_request"]);
});

test("an account that does not exist is said to be missing, with nothing of those that do exist", async () => {
  const own = platform("telegram");
  const request = signed(own, own.message("to nobody"));
  const unknown = await node.send("nobody", request);
  expect([unknown.status, unknown.code]).toEqual([404, "account_not_found"]);
  const elsewhere = await node.send("../nobody/telegram", request);
  expect([elsewhere.status, elsewhere.code]).toEqual([404, "account_not_found"]);
  for (const kind of kinds) {
    expect(unknown.text).not.toContain(kind);
    expect(unknown.text).not.toContain(String(platform(kind).settings["apiUrl"]));
  }
  // It has a secret no more, so nobody can know it.
  const polling = await node.send("polling", request);
  expect([polling.status, polling.code]).toEqual([401, "webhook_unverified"]);
  for (const name of ["..%2Fadmin", "%00", "a".repeat(500), "%F0%9F%A4%96"]) {
    const { status, text } = await node.send(name, request);
    expect(status, text).toBeGreaterThanOrEqual(400);
    expect(status, text).toBeLessThan(500);
  }
});

test("no secret stands in the log", () => {
  for (const { env } of platforms.values()) {
    for (const value of Object.values(env)) expect(node.log()).not.toContain(value);
  }
  expect(node.log()).not.toContain(otherSecret);
});

test("the accounts are as they were", async () => {
  await eventually(async () => {
    for (const kind of kinds) expect([kind, await node.state(kind)]).toEqual([kind, "connected"]);
  });
  for (const kind of kinds) expect(await node.failures(kind)).toEqual([]);
  for (const { fake } of platforms.values()) expect(fake.violations).toEqual([]);
});

/** The same length and alphabet, and another value. */
function broken(value: string): string {
  const last = value.at(-1) === "0" ? "1" : "0";
  return value.length > 12 ? value.slice(0, -1) + last : value;
}

/** Tells a length, sends half of it, and ends the connection. */
function cutOff(url: string, headers: Readonly<Record<string, string>>, body: string) {
  const { hostname, port, pathname } = new URL(url);
  const lines = Object.entries({ ...headers, "content-length": Buffer.byteLength(body) }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return new Promise<void>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      const head = `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\n${lines.join("")}\r\n`;
      socket.write(head + body.slice(0, body.length / 2), () => socket.destroy());
    });
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
}
