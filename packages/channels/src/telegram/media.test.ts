import { type FakeTelegram, startFakeTelegram } from "@holdfast/testkit/platforms";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { never, openTelegram, type OpenedAccount } from "./testing/open-account.ts";

let fake: FakeTelegram;
let opened: OpenedAccount;

beforeEach(async () => {
  fake = await startFakeTelegram();
  opened = openTelegram(fake.account("socket"));
});

afterEach(async () => {
  await opened.account.close?.();
  await fake.close();
});

function fetchFile(source: string, mime = "image/png") {
  const fetched = opened.account.fetchMedia?.({ kind: "image", source, mime }, never);
  if (!fetched) throw new Error("the account fetches media");
  return fetched;
}

describe("a file on Telegram", () => {
  it("is fetched", async () => {
    const data = Uint8Array.of(1, 2, 3);
    const id = fake.addFile(data, "photos/file 1 ü.png");
    const fetched = await fetchFile(id);
    expect(fetched.mime).toBe("image/png");
    expect([...fetched.data]).toEqual([1, 2, 3]);
  });

  it("is refused by its type, its size, its id and its path", async () => {
    const refused = { code: "media_refused" };
    const small = fake.addFile(Uint8Array.of(1), "documents/a.exe");
    await expect(fetchFile(small, "application/x-msdownload")).rejects.toMatchObject(refused);
    expect(fake.calls["getFile"]).toBeUndefined();
    const large = fake.addFile(new Uint8Array(20 * 1024 * 1024 + 1), "photos/large.png");
    await expect(fetchFile(large)).rejects.toMatchObject(refused);
    await expect(fetchFile("no-such-file")).rejects.toMatchObject(refused);
    for (const path of ["/etc/passwd", "../getMe", "a/../../getMe", "a//b"]) {
      await expect(fetchFile(fake.addFile(Uint8Array.of(1), path)), path).rejects.toMatchObject(
        refused,
      );
    }
  });

  it("that is larger than told is cut", async () => {
    const data = new Uint8Array(20 * 1024 * 1024 + 1);
    fake.addFile(data, "photos/large.png");
    const told = { file_id: "x", file_path: "photos/large.png", file_size: 5 };
    fake.answerNext("getFile", { status: 200, body: { ok: true, result: told } });
    await expect(fetchFile("x")).rejects.toMatchObject({ code: "media_refused" });

    fake.addFile(Uint8Array.of(1), "photos/small.png");
    const grown = { ...told, file_path: "photos/small.png", file_size: data.byteLength };
    fake.answerNext("getFile", { status: 200, body: { ok: true, result: grown } });
    await expect(fetchFile("x")).rejects.toMatchObject({ code: "media_refused" });
  });

  it("that cannot be had now is tried later, and no error names the token", async () => {
    fake.answerNext("getFile", "cut");
    const gone = { file_id: "x", file_path: "photos/gone.png" };
    const errors: unknown[] = [await fetchFile("x").catch((error: unknown) => error)];
    fake.answerNext("getFile", { status: 200, body: { ok: true, result: gone } });
    errors.push(await fetchFile("x").catch((error: unknown) => error));
    for (const error of errors) {
      expect(error).toMatchObject({ code: "channel_unavailable" });
      expect((error as Error).cause).toBeUndefined();
      expect(String((error as Error).stack)).not.toContain(fake.token);
    }
  });
});
