import { type FakeSlack, startFakeSlack } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { slack } from "./index.ts";
import { messagesIn, openAccount, startReceiver } from "./testing/harness.ts";

const never = new AbortController().signal;
let fake: FakeSlack;

beforeEach(async () => {
  fake = await startFakeSlack();
});
afterEach(() => fake.close());

describe("the settings", () => {
  test("take references to secrets, never secrets, and what the mode needs", () => {
    const ref = { fromEnv: "A" };
    const http = { mode: "http", botToken: ref, signingSecret: ref };
    expect(slack.settings.parse(http)).toMatchObject({ apiUrl: "https://slack.com/api/" });
    expect(slack.settings.safeParse({ ...http, botToken: "xoxb-1" }).success).toBe(false);
    expect(slack.settings.safeParse({ ...http, appToken: ref }).success).toBe(false);
    expect(slack.settings.safeParse({ mode: "socket", botToken: ref }).success).toBe(false);
  });

  test("decide how messages come in", () => {
    expect(Object.keys(openAccount(fake, "webhook").account)).not.toContain("receive");
    expect(Object.keys(openAccount(fake, "socket").account)).not.toContain("webhook");
  });
});

describe("the check", () => {
  test.each(["webhook", "socket"] as const)(
    "of a working %s account finds nothing",
    async (mode) => {
      const { account } = openAccount(fake, mode);
      expect(await account.check(never)).toEqual({
        ok: true,
        identity: "holdfast in Fake",
        findings: [],
      });
    },
  );

  test("names what is wrong, never the secret", async () => {
    const { account } = openAccount(fake, "socket", {
      env: { SLACK_APP_TOKEN: "xapp-wrong" },
      settings: { botToken: { fromEnv: "NOT_SET" } },
    });
    const { ok, isAuthorized, findings } = await account.check(never);
    expect([ok, isAuthorized]).toEqual([false, false]);
    expect(findings).toHaveLength(2);
    expect(findings.join(" ")).toContain("invalid_auth");
    expect(findings.join(" ")).not.toContain("xapp-wrong");
  });

  test("tells credentials that are refused or missing from a Slack that is away", async () => {
    const { account } = openAccount(fake, "webhook");
    fake.revoke(true);
    expect(await account.check(never)).toMatchObject({ ok: false, isAuthorized: false });
    fake.revoke(false);
    const settings = { signingSecret: { fromEnv: "NOT_SET" } };
    const blind = openAccount(fake, "webhook", { settings }).account;
    expect(await blind.check(never)).toMatchObject({ ok: false, isAuthorized: false });
    fake.answerNext("auth.test", { status: 503, body: {} });
    const away = await account.check(never);
    expect([away.ok, away.isAuthorized]).toEqual([false, undefined]);
  });

  test("tells of scopes that are missing", async () => {
    fake.answerNext("auth.test", {
      status: 200,
      headers: { "x-oauth-scopes": "commands" },
      body: { ok: true, user: "holdfast", user_id: "U1" },
    });
    const { findings } = await openAccount(fake, "webhook").account.check(never);
    expect(findings).toHaveLength(2);
  });
});

describe("a file", () => {
  async function shared(mimetype: string, data: Uint8Array) {
    const { account } = openAccount(fake, "webhook");
    const receiver = await startReceiver(account);
    fake.deliverTo([receiver.url]);
    fake.share({ chat: "ada", text: "look" }, { name: "a.bin", mimetype, data });
    await fake.settled();
    await receiver.close();
    const [media] = messagesIn(receiver.events)[0]?.media ?? [];
    if (media === undefined) throw new Error("No file came.");
    return { account, media };
  }

  test("is fetched with the bot's token", async () => {
    const { account, media } = await shared("image/png", new Uint8Array([1, 2, 3]));
    expect(media).toMatchObject({ kind: "image", mime: "image/png", bytes: 3, name: "a.bin" });
    expect(await account.fetchMedia?.(media, never)).toEqual({
      mime: "image/png",
      data: new Uint8Array([1, 2, 3]),
    });
  });

  test("of another type, too large, or elsewhere is refused", async () => {
    const { account, media } = await shared("application/x-msdownload", new Uint8Array([1]));
    const elsewhere = { ...media, source: "https://files.slack.com.example.org/a" };
    for (const one of [
      media,
      { ...media, bytes: 99_000_000 },
      elsewhere,
      { ...media, source: "nothing" },
    ]) {
      await expect(account.fetchMedia?.(one, never)).rejects.toMatchObject({
        code: "media_refused",
      });
    }
  });

  test("that Slack does not give away is refused, not its page for people taken", async () => {
    const { account, media } = await shared("image/png", new Uint8Array([1]));
    fake.revoke(true);
    await expect(account.fetchMedia?.(media, never)).rejects.toMatchObject({
      code: "media_refused",
    });
  });
});
