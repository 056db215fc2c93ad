import { describe, expect, it } from "vitest";
import { accountOptions } from "../http/testing/account-options.ts";
import { whatsapp } from "./index.ts";
import { ada, messagesOf, never, start } from "./testing/world.ts";

describe("settings", () => {
  const { settings } = {
    settings: {
      phoneNumberId: "1",
      accessToken: { fromEnv: "A" },
      appSecret: { fromEnv: "B" },
      verifyToken: { fromFile: "/c" },
    },
  };

  it("has Meta's own address by default, and refuses plain text secrets and open networks", () => {
    expect(whatsapp.settings.parse(settings).apiUrl).toBe("https://graph.facebook.com/v23.0");
    const isAccepted = (changed: object) =>
      whatsapp.settings.safeParse({ ...settings, ...changed }).success;
    expect(isAccepted({ accessToken: "secret" })).toBe(false);
    expect(isAccepted({ apiUrl: "http://graph.example.org" })).toBe(false);
    expect(isAccepted({ apiUrl: "http://10.0.0.1:80/v1" })).toBe(true);
    expect(isAccepted({ phoneNumberId: "1/../2" })).toBe(false);
    expect(isAccepted({ unknown: 1 })).toBe(false);
  });
});

describe("typing", () => {
  it("is shown as an answer to the newest message that this node heard of", async () => {
    const world = await start();
    const chat = { kind: "direct", id: ada } as const;
    await world.account.typing?.(chat, never);
    expect(world.fake.typing).toEqual([]);
    world.fake.say({ chat: ada, text: "one" });
    world.fake.say({ chat: ada, text: "two" });
    await world.fake.settled();
    await world.account.typing?.(chat, never);
    expect(world.fake.typing).toEqual([
      messagesOf(world).find((one) => one.text === "two")?.messageId,
    ]);
    world.fake.revoke(true);
    await world.account.typing?.(chat, never);
    expect(world.options.reports[0]?.message).toMatch(/token/);
  });
});

describe("media", () => {
  it("is fetched with the token, of the listed types and sizes only", async () => {
    const { fake, account } = await start();
    const picture = fake.addMedia("image/png", new TextEncoder().encode("picture"));
    const page = fake.addMedia("text/x-shellscript", new TextEncoder().encode("x"));
    const program = fake.addMedia("application/x-msdownload", new TextEncoder().encode("x"));
    const large = fake.addMedia("image/png", new Uint8Array(20 * 1024 * 1024 + 1));
    const fetch = (source: string) => account.fetchMedia?.({ kind: "image", source }, never);
    expect(await fetch(picture)).toEqual({
      mime: "image/png",
      data: new TextEncoder().encode("picture"),
    });
    expect((await fetch(page))?.mime).toBe("text/x-shellscript");
    for (const source of [program, large, "404", "../me", "1?x=1", ""]) {
      await expect(fetch(source)).rejects.toMatchObject({ code: "media_refused" });
    }
    fake.revoke(true);
    await expect(fetch(picture)).rejects.toMatchObject({ code: "channel_unavailable" });
  });
});

describe("check", () => {
  it("says who it is, and what is wrong", async () => {
    const { fake, account, options } = await start();
    expect(await account.check(never)).toEqual({
      ok: true,
      identity: "Example Shop, +15550783881",
      findings: [],
    });
    fake.unsubscribe();
    expect((await account.check(never)).findings).toEqual([expect.stringMatching(/subscribed/)]);
    fake.revoke(true);
    expect(await account.check(never)).toEqual({
      ok: false,
      isAuthorized: false,
      findings: [expect.stringMatching(/190/)],
    });
    fake.revoke(false);
    // A token that may send and may not read the number is not dead: what waits is sent.
    fake.refuseReading(true);
    const narrow = await account.check(never);
    expect([narrow.ok, narrow.isAuthorized]).toEqual([false, undefined]);
    const blind = whatsapp.open(accountOptions(options.settings, {}));
    expect(await blind.check(never)).toMatchObject({ ok: false, isAuthorized: false });
    await blind.close?.();
    // Nothing is known of the credentials while nobody answers.
    await fake.close();
    const away = await account.check(never);
    expect([away.ok, away.isAuthorized]).toEqual([false, undefined]);
  });
});
