import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openHome } from "./home.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-home-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function nameOf(wanted?: string): string {
  const home = openHome(folder, wanted);
  home.release();
  return home.node;
}

test("a folder takes another name until it is a member's, and then no keys of the one before", () => {
  expect(nameOf("a")).toBe("a");
  expect(nameOf()).toBe("a");
  writeFileSync(join(folder, "join.json"), "{}");
  expect(nameOf("a")).toBe("a");
  expect(existsSync(join(folder, "join.json"))).toBe(true);
  expect(nameOf("b")).toBe("b");
  expect(existsSync(join(folder, "join.json"))).toBe(false);
  expect(nameOf()).toBe("b");
});

test("a member, and a node that ran alone, keep their name", () => {
  nameOf("a");
  const refused = expect.objectContaining({ code: "invalid_configuration" });
  writeFileSync(join(folder, "cluster.json"), "{}");
  expect(() => nameOf("b")).toThrow(refused);
  rmSync(join(folder, "cluster.json"));
  mkdirSync(join(folder, "engine", "data"), { recursive: true });
  expect(() => nameOf("b")).toThrow(refused);
  expect(nameOf()).toBe("a");
});
