import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { homeFolder, isInTheClear, nodeUrl, tokenFor } from "./settings.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "holdfast-settings-"));
  await writeFile(path.join(folder, "admin-token"), "hf_local\n");
});
afterEach(() => rm(folder, { recursive: true }));

it.each([
  [undefined, {}, "http://127.0.0.1:7400"],
  [undefined, { HOLDFAST_PORT: "1234", HOLDFAST_HOST: "0.0.0.0" }, "http://127.0.0.1:1234"],
  [undefined, { HOLDFAST_HOST: "::1" }, "http://[::1]:7400"],
  [undefined, { HOLDFAST_URL: "https://node.example.org/" }, "https://node.example.org"],
  ["http://127.0.0.1:1", { HOLDFAST_URL: "https://node.example.org" }, "http://127.0.0.1:1"],
])("the address of --url %s and %j is %s", (option, env, expected) => {
  expect(nodeUrl(option, env)).toBe(expected);
});

it("refuses addresses and ports that are none, and shows no password", () => {
  expect(() => nodeUrl("node.example.org:80", {})).toThrow("expected http://HOST:PORT");
  expect(() => nodeUrl(undefined, { HOLDFAST_PORT: "80x" })).toThrow("expected 0 to 65535");
  expect(() => nodeUrl("http://me:secret@example.org", {})).toThrow(/^"http:\/\/…@example.org"/);
});

it("takes the token from the option, the environment, or this machine's node alone", async () => {
  const env = { HOLDFAST_HOME: folder };
  const local = "http://127.0.0.1:7400";
  expect(await tokenFor(local, "a", { ...env, HOLDFAST_TOKEN: "b" })).toBe("a");
  expect(await tokenFor("https://node.example.org", undefined, { HOLDFAST_TOKEN: "b" })).toBe("b");
  for (const url of [local, "http://localhost:1", "http://[::1]:1"]) {
    expect(await tokenFor(url, undefined, env)).toBe("hf_local");
  }
  for (const url of [
    "http://10.0.0.5:1",
    "https://127.0.0.1.example.org",
    "http://localhost.example.org",
  ]) {
    const elsewhere = { ...env, HOLDFAST_HOST: new URL(url).hostname };
    await expect(tokenFor(url, undefined, elsewhere)).rejects.toMatchObject({
      code: "unauthenticated",
    });
  }
  await expect(tokenFor(local, "two words", env)).rejects.not.toThrow("two words");
});

it("knows where a token would travel unencrypted, and where the data is", () => {
  expect(isInTheClear("http://node.example.org")).toBe(true);
  expect(isInTheClear("https://node.example.org")).toBe(false);
  expect(isInTheClear("http://127.0.0.1:7400")).toBe(false);
  expect(homeFolder({})).toBe(path.join(homedir(), ".holdfast"));
  expect(path.isAbsolute(homeFolder({ HOLDFAST_HOME: "data" }))).toBe(true);
});
