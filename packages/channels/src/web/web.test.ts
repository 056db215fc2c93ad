import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { accountOptions } from "../http/testing/account-options.ts";
import { WebAccount } from "./account.ts";
import { type WebSettings, webSettings } from "./settings.ts";
import { isVisitorToken, signedText, visitorIdOf } from "./visitors.ts";

const env = { VISITORS: "a-secret-of-the-page" };

function open(settings: object = {}): WebAccount {
  return new WebAccount(accountOptions<WebSettings>(webSettings.parse(settings), env));
}

function signed(id: string, expires: number, secret = env.VISITORS) {
  const account = { organization: "example", name: "account" };
  const text = signedText(account, { id, expires });
  return { id, expires, signature: createHmac("sha256", secret).update(text).digest("hex") };
}

describe("a visitor", () => {
  it("gets an unguessable token, and is the same with it next time", () => {
    const account = open();
    const first = account.visitor({});
    expect(isVisitorToken(first.token ?? "")).toBe(true);
    expect(account.visitor({ token: first.token ?? "" })).toEqual(first);
    expect(account.visitor({}).id).not.toBe(first.id);
  });

  it.each(["", "short", "v".repeat(27), "../../etc/passwd", "A".repeat(26)])(
    "with the malformed token %j gets a new one",
    (token) => {
      expect(open().visitor({ token }).token).not.toBe(token);
    },
  );

  it("has an id from which the token cannot be told, different in each account", () => {
    const account = open();
    const { id, token = "" } = account.visitor({});
    expect(id).toMatch(/^v[0-9a-f]{32}$/);
    expect(id).not.toContain(token);
    expect(visitorIdOf({ organization: "example", name: "other" }, token)).not.toBe(id);
    // Who knows the id and shows it as token is somebody else.
    expect(account.visitor({ token: id }).id).not.toBe(id);
  });
});

describe("a signed visitor", () => {
  const settings = { visitorSecret: { fromEnv: "VISITORS" } };
  const later = Date.now() + 60_000;

  it("is known by the page's own id", () => {
    expect(open(settings).visitor({ signed: signed("customer.42", later) })).toEqual({
      id: "customer.42",
    });
  });

  it("is refused with another's, an old or a foreign signature, or none", () => {
    const account = open(settings);
    const other = { ...signed("customer-42", later), id: "customer-43" };
    const old = signed("customer-42", Date.now() - 1);
    const longer = { ...old, expires: later };
    const foreign = signed("customer-42", later, "another secret");
    const cut = { ...signed("customer-42", later), signature: "00" };
    for (const claim of [other, old, longer, foreign, cut]) {
      expect(() => account.visitor({ signed: claim })).toThrow(/signed in/);
    }
    expect(() => account.visitor({ token: "0".repeat(26) })).toThrow(/signed in/);
  });
});

describe("the web channel", () => {
  it("answers every send, as the answer stands in the history already", async () => {
    const account = open();
    const [piece] = account.render("**hello** <script>alert(1)</script>");
    expect(piece?.body).toEqual({
      html: "<p><strong>hello</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>",
    });
    const chat = { kind: "direct", id: "v1" } as const;
    const send = { piece: piece ?? { body: {}, text: "" }, chat, key: "t1.0" };
    expect(await account.send(send)).toEqual({ outcome: "sent", platformId: "t1.0" });
  });

  it.each([
    { allowedOrigins: ["https://example.org/"] },
    { allowedOrigins: ["https://example.org/path"] },
    { allowedOrigins: ["*"] },
    { allowedOrigins: ["javascript:alert(1)"] },
    { colour: "red;background:url(//example.org)" },
    { unknown: true },
  ])("refuses the settings %j", (settings) => {
    expect(webSettings.safeParse(settings).success).toBe(false);
  });

  it("says in its check what is missing", async () => {
    expect(await open({ allowedOrigins: ["https://example.org"] }).check()).toMatchObject({
      ok: true,
    });
    const check = await open({ visitorSecret: { fromEnv: "NOT_SET" } }).check();
    expect(check).toMatchObject({ ok: false, identity: "/chat/example/account" });
  });
});
