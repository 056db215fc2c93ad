import { describe, expect, test } from "vitest";
import { hasSecretInUrl, looksSecret, readSecret, substitute, variableName } from "./secrets.ts";

const none = new Map<string, string>();

describe("secrets", () => {
  test.each([
    ["API_KEY", "x"],
    ["apiKey", "x"],
    ["X-Auth-Token", "x"],
    ["MODE", "sk-abc"],
    ["MODE", "ghp_abc"],
    ["MODE", "a8f0c3d94b7e2165a8f0c3d94b7e2165"],
    ["DATABASE_URL", "postgres://user:pass@db.example.org/x"],
    ["URL", "https://example.org/?access_token=abc"],
  ])("%s=%s is taken for one", (name, value) => expect(looksSecret(name, value)).toBe(true));

  test.each([
    ["MODE", "fast"],
    ["PATH", "/usr/bin:/bin"],
    ["MAX_TOKENS", "100"],
    ["URL", "https://example.org/v1?page=2"],
    ["FILE", "/srv/data/2026/very-long-directory-name/file.json"],
    ["API_KEY", "${API_KEY}"],
  ])("%s=%s is not", (name, value) => expect(looksSecret(name, value)).toBe(false));

  test("are read as references where they are ones", () => {
    expect(readSecret("${A_KEY}", none)).toEqual({ type: "reference", ref: { fromEnv: "A_KEY" } });
    expect(readSecret("Bearer ${A_KEY}", none)).toEqual({ type: "literal" });
    expect(readSecret({ source: "env", id: "B" }, none)).toEqual({
      type: "reference",
      ref: { fromEnv: "B" },
    });
    expect(readSecret({ source: "exec", id: "B" }, none)).toMatchObject({ type: "unsupported" });
    expect(readSecret(5, none)).toMatchObject({ type: "unsupported" });
  });

  test("in URLs are seen", () => {
    expect(hasSecretInUrl("https://user@example.org")).toBe(true);
    expect(hasSecretInUrl("https://example.org/v1")).toBe(false);
    expect(hasSecretInUrl("no url")).toBe(false);
  });
});

test("variables are filled in unless they are unset or secret", () => {
  const env = { A: "1", EMPTY: "", MY_TOKEN: "t" };
  expect(substitute("${A}/$${A}/${b}", env)).toEqual({
    text: "1/${A}/${b}",
    open: [],
    filled: ["A"],
  });
  expect(substitute("${EMPTY}${GONE}${MY_TOKEN}", env).open).toEqual(["EMPTY", "GONE", "MY_TOKEN"]);
});

test("variables get names of words", () => {
  expect(variableName("remote-one", "Authorization")).toBe("REMOTE_ONE_AUTHORIZATION");
  expect(variableName("1x")).toBe("SECRET_1X");
});
