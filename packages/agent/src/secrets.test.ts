import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveSecret, resolveValues } from "./secrets.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-secrets-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("resolveSecret", () => {
  test("reads a variable and a file, without the newline at its end", () => {
    const path = join(folder, "key");
    writeFileSync(path, "from-file\n");
    expect(resolveSecret({ fromEnv: "KEY" }, { KEY: "from-env" })).toBe("from-env");
    expect(resolveSecret({ fromFile: path }, {})).toBe("from-file");
  });

  test("names the place, never the value", () => {
    expect(() => resolveSecret({ fromEnv: "KEY" }, {})).toThrow(
      "The secret in the environment variable KEY is not set.",
    );
    expect(() => resolveSecret({ fromEnv: "KEY" }, { KEY: " " })).toThrow("KEY is empty");
    expect(() => resolveSecret({ fromFile: join(folder, "none") }, {})).toThrow(/none.*ENOENT/);
    const broken = () => resolveSecret({ fromEnv: "KEY" }, { KEY: "hush\nhush" });
    expect(broken).toThrow("KEY holds a control character");
    expect(broken).not.toThrow("hush");
  });

  test("carries the caller's code", () => {
    const missing = () => resolveSecret({ fromEnv: "KEY" }, {}, undefined, "tool_unavailable");
    expect(missing).toThrow(expect.objectContaining({ code: "tool_unavailable" }));
    expect(() => resolveSecret({ fromEnv: "KEY" }, {})).toThrow(
      expect.objectContaining({ code: "model_rejected" }),
    );
  });
});

test("resolveValues keeps literals and resolves references", () => {
  const values = { plain: "text", secret: { fromEnv: "KEY" } };
  expect(resolveValues(values, { KEY: "value" })).toEqual({ plain: "text", secret: "value" });
});
