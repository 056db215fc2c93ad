import { describe, expect, it } from "vitest";
import { settingsSchema } from "./settings.ts";

const token = { fromEnv: "BOT_TOKEN" };
const secret = { fromFile: "/run/secrets/webhook" };

describe("the settings of a Telegram account", () => {
  it("need only a token, and then poll Telegram", () => {
    expect(settingsSchema.parse({ token })).toEqual({ token, apiUrl: "https://api.telegram.org" });
  });

  it("take a webhook at an address where Telegram delivers", () => {
    const webhook = { secret, publicUrl: "https://bots.example.org:8443/telegram" };
    expect(settingsSchema.parse({ token, webhook }).webhook).toEqual({
      ...webhook,
      maxConnections: 40,
    });
    const local = { secret, publicUrl: "http://10.0.0.5:7400/telegram" };
    expect(settingsSchema.safeParse({ token, webhook: local }).error?.issues).toMatchObject([
      { path: ["webhook", "publicUrl"] },
    ]);
    const apiUrl = "http://10.0.0.9:8081";
    expect(settingsSchema.safeParse({ token, apiUrl, webhook: local }).success).toBe(true);
  });

  it("take no secret in plain text and no unknown field", () => {
    for (const wrong of [
      { token: "1:abc" },
      { token, polling: true },
      { token, webhook: { secret: "plain" } },
      { token, apiUrl: "https://user:password@bots.example.org" },
      { token, apiUrl: "https://bots.example.org/?x=1" },
      { token, webhook: { secret, maxConnections: 101 } },
    ]) {
      expect(settingsSchema.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
    }
  });
});
