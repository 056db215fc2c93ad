import { limits } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryKey } from "./memory-tools.ts";
import { createWorld, type World } from "./testing/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
  world.declare("main", [{ type: "memory" }]);
});
afterEach(() => world.close());

describe("the memory tools", () => {
  test("remember, list and forget", async () => {
    expect((await world.call("memory_write", { key: "kunde/42 ü", value: "Ada" })).isError).toBe(
      false,
    );
    expect((await world.call("memory_write", { key: "b", value: "" })).isError).toBe(false);
    expect((await world.call("memory_read", { key: "kunde/42 ü" })).text).toBe("Ada");
    expect(JSON.parse((await world.call("memory_list", {})).text)).toEqual([
      { key: "b", bytes: 0 },
      { key: "kunde/42 ü", bytes: 3 },
    ]);
    expect(JSON.parse((await world.call("memory_list", { prefix: "kunde/" })).text)).toHaveLength(
      1,
    );
    await world.call("memory_delete", { key: "kunde/42 ü" });
    expect(await world.call("memory_read", { key: "kunde/42 ü" })).toMatchObject({
      isError: true,
      code: "tool_failed",
    });
  });

  test("keep agents and organizations apart", async () => {
    world.declare("main", [{ type: "memory" }], "rival");
    world.declare("main-2", [{ type: "memory" }]);
    await world.call("memory_write", { key: "k", value: "mine" });
    for (const other of [{ organization: "rival" }, { agent: "main-2" }]) {
      expect((await world.call("memory_read", { key: "k" }, other as never)).isError).toBe(true);
      expect((await world.call("memory_list", {}, other as never)).text).toBe("[]");
    }
  });

  test("take the same write twice, and all of many at once", async () => {
    const writes = Array.from({ length: 4 }, (_, i) =>
      world.call("memory_write", { key: "k", value: `v${i % 2}` }),
    );
    for (const { isError } of await Promise.all(writes)) expect(isError).toBe(false);
  });

  test("are limited in size, in key and in number", async () => {
    const long = "x".repeat(limits.memoryValueBytes + 1);
    expect(await world.call("memory_write", { key: "k", value: long })).toMatchObject({
      code: "tool_arguments_invalid",
      text: expect.stringContaining(`${limits.memoryValueBytes}`),
    });
    for (const key of ["", "x".repeat(limits.memoryKeyBytes + 1), "\ud800"]) {
      expect(await world.call("memory_read", { key })).toMatchObject({
        code: "tool_arguments_invalid",
      });
    }
    for (let i = 0; i < limits.memoryKeysPerAgent; i += 100) {
      const some = Array.from({ length: 100 }, (_, j) => `key-${i + j}`);
      await Promise.all(some.map((key) => world.call("memory_write", { key, value: "v" })));
    }
    expect(await world.call("memory_write", { key: "one-more", value: "v" })).toMatchObject({
      code: "tool_failed",
      text: expect.stringContaining("Delete some first"),
    });
    expect((await world.call("memory_write", { key: "key-1", value: "new" })).isError).toBe(false);
  });

  test("write keys that the store accepts, different for different keys", () => {
    const keys = ["a.b", "a=2Eb", "a b", "..", "=", "ü", "a/b"].map((key) =>
      memoryKey(world.context(), key),
    );
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(key).toMatch(/^acme\.main\.[A-Za-z0-9_=-]+$/);
  });
});
