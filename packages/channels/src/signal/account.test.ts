import { describe, expect, it } from "vitest";
import { signal } from "./index.ts";
import { Rpc } from "./rpc.ts";
import { ada, never, serve, start } from "./testing/world.ts";

describe("settings", () => {
  it("stays on this machine without https", () => {
    const isAccepted = (changed: object) =>
      signal.settings.safeParse({ account: "+491510000000", ...changed }).success;
    expect(signal.settings.parse({ account: "+491510000000" }).url).toBe("http://127.0.0.1:8080");
    expect(isAccepted({ url: "http://localhost:1" })).toBe(true);
    expect(isAccepted({ url: "http://[::1]:1" })).toBe(true);
    expect(isAccepted({ url: "https://signal.example.org/daemon" })).toBe(true);
    expect(isAccepted({ url: "http://10.0.0.1:1" })).toBe(false);
    expect(isAccepted({ url: "http://127.0.0.1.example.org" })).toBe(false);
    expect(isAccepted({ account: "0151 000" })).toBe(false);
    expect(isAccepted({ account: ada })).toBe(true);
    expect(isAccepted({ token: "secret" })).toBe(false);
  });
});

describe("typing", () => {
  it("is shown to people and groups, and its trouble is only reported", async () => {
    const { fake, account, options } = await start();
    await account.typing?.({ kind: "direct", id: ada }, never);
    await account.typing?.({ kind: "group", id: "group=" }, never);
    expect(fake.typing).toEqual([ada, "group="]);
    fake.revoke(true);
    await account.typing?.({ kind: "direct", id: ada }, never);
    expect(options.reports).toHaveLength(1);
  });
});

describe("files", () => {
  it("are taken from the daemon, of the listed types and sizes only", async () => {
    const { fake, account } = await start();
    const id = fake.addAttachment(new TextEncoder().encode("picture"));
    const odd = fake.addAttachment(new TextEncoder().encode("picture"), "scan: 1. final (2)\n");
    const large = fake.addAttachment(new Uint8Array(20 * 1024 * 1024 + 1));
    const larger = fake.addAttachment(new Uint8Array(21 * 1024 * 1024));
    const fetch = (source: string, mime = "image/png", bytes = 7) =>
      account.fetchMedia?.({ kind: "image", source, mime, bytes }, never);
    const picture = { mime: "image/png", data: new TextEncoder().encode("picture") };
    expect(await fetch(`direct:${ada}:${id}`)).toEqual(picture);
    expect(await fetch(`group:group=:${id}`)).toEqual(picture);
    expect(await fetch(`direct:${ada}:${odd}`)).toEqual(picture);
    const sources: [string, string?, number?][] = [
      [`direct:${ada}:${large}`],
      [`direct:${ada}:${larger}`],
      [`direct:${ada}:other`],
      [`direct:${ada}:${id}`, "application/x-msdownload"],
      [`direct:${ada}:${id}`, "image/png", 30_000_000],
      ["../etc/passwd"],
      [`direct:${ada}:../${id}`],
      [`direct:${ada}:..\\${id}`],
      [`direct:${ada}:${id}\0.png`],
      [`direct:${ada}:..`],
      [`direct:${ada}:.`],
      [`direct:${ada}:`],
      [`direct:${ada}:${"x".repeat(257)}`],
      [id],
    ];
    for (const source of sources) {
      await expect(fetch(...source)).rejects.toMatchObject({ code: "media_refused" });
    }
    expect(fake.violations).toEqual([]);
    await fake.close();
    await expect(fetch(`direct:${ada}:${id}`)).rejects.toMatchObject({
      code: "channel_unavailable",
    });
  });
});

describe("answers", () => {
  it("may have no result at all", async () => {
    const url = await serve((_request, response) => {
      response.end(JSON.stringify({ jsonrpc: "2.0", id: "1" }));
    });
    const { options } = await start({}, { url });
    const rpc = new Rpc(options);
    expect(await rpc.call("sendTyping", {}, never)).toEqual({ type: "result", result: undefined });
    await rpc.close();
  });
});

describe("check", () => {
  it("says who it is, and what is wrong", async () => {
    const { fake, account } = await start();
    expect(await account.check(never)).toEqual({
      ok: true,
      identity: "+491510000000, signal-cli 0.14.9",
      findings: [],
    });
    const other = await start({}, { account: "+491519999999" });
    expect(await other.account.check(never)).toMatchObject({ ok: false });
    const single = await start({ singleAccount: true });
    expect(await single.account.check(never)).toMatchObject({
      ok: true,
      findings: [expect.stringMatching(/one account/)],
    });
    fake.revoke(true);
    expect(await account.check(never)).toMatchObject({
      ok: false,
      findings: [expect.stringMatching(/401/)],
    });
    await fake.close();
    expect(await account.check(never)).toMatchObject({ ok: false });
  });
});
