import { limits, type ToolSpec } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cutText } from "./results.ts";
import { createSchemaChecker } from "./schema-check.ts";
import { createWorld, type World } from "./testing/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const http = (name: string, description = ""): ToolSpec => ({
  type: "http",
  name,
  description,
  parameters: { type: "object" },
  url: "http://127.0.0.1:1/",
});

describe("the list of an agent's tools", () => {
  test("is empty for an agent without tools and for one that is gone", async () => {
    world.declare("main", undefined);
    expect(await world.tools.describe(world.context())).toEqual({ tools: [], missing: [] });
    const gone = world.context({ agent: "gone" as never });
    expect((await world.tools.describe(gone)).tools).toEqual([]);
  });

  test("keeps the first of a name and the order, the same object while nothing changes", async () => {
    world.declare("main", [http("b", "first"), { type: "memory" }, http("b"), { type: "memory" }]);
    const list = await world.tools.describe(world.context());
    expect(list.tools.map((tool) => tool.name)).toEqual([
      "b",
      "memory_read",
      "memory_write",
      "memory_delete",
      "memory_list",
    ]);
    expect(list.tools[0]?.description).toBe("first");
    expect(list.missing).toHaveLength(5);
    expect(list.missing[0]).toBe("A second tool of the name b is left out.");
    expect(await world.tools.describe(world.context())).toBe(list);
  });

  test("follows a changed declaration", async () => {
    world.declare("main", [http("a")]);
    await world.tools.describe(world.context());
    world.declare("main", [http("c")]);
    expect((await world.tools.describe(world.context())).tools[0]?.name).toBe("c");
  });

  test("is bounded by the limit of an agent", async () => {
    const many = Array.from({ length: limits.toolsPerAgent + 2 }, (_, i) => http(`t${i}`));
    world.declare("main", many);
    const { tools, missing } = await world.tools.describe(world.context());
    expect(tools).toHaveLength(limits.toolsPerAgent);
    expect(missing).toEqual([`2 tools are left out: an agent has ${limits.toolsPerAgent}.`]);
  });
});

describe("a call", () => {
  test("names the tools there are when one is unknown", async () => {
    world.declare("main", [{ type: "memory" }]);
    expect(await world.call("memory_reed", {})).toMatchObject({
      isError: true,
      code: "tool_not_found",
      text: expect.stringContaining("memory_read, memory_write"),
    });
    world.declare("main", undefined);
    expect((await world.call("x", {})).text).toContain("has no tools");
  });

  test("refuses arguments over their limit", async () => {
    world.declare("main", [{ type: "memory" }]);
    const args = JSON.stringify({ key: "k", value: "x".repeat(limits.toolArgumentBytes) });
    expect(await world.call("memory_write", args)).toMatchObject({
      code: "tool_arguments_invalid",
    });
  });
});

describe("the schema checker", () => {
  test("reads draft 7 and 2020-12, and names the place of a fault", () => {
    const schemas = createSchemaChecker();
    const items = { type: "array", prefixItems: [{ type: "number" }], items: false };
    const schema = { type: "object", properties: { list: items } };
    expect(schemas.check(schema, { list: [1] })).toEqual({ fits: true });
    expect(schemas.check(schema, { list: ["x"] })).toEqual({
      fits: false,
      faults: ["arguments.list[0]: must be number"],
    });
    const old = { $schema: "http://json-schema.org/draft-07/schema#", $id: "same", type: "object" };
    expect(schemas.check(old, {})).toEqual({ fits: true });
    expect(schemas.check({ ...old, minProperties: 1 }, {})).toMatchObject({ fits: false });
    expect(schemas.check({ $ref: "http://example.org/other" }, {}).fits).toBeUndefined();
  });
});

describe("cutText", () => {
  test("never splits a character", () => {
    expect(cutText("aé😀", 100)).toBe("aé😀");
    expect(cutText("aé😀", 3)).toBe("aé");
    expect(cutText("aé😀", 6)).toBe("aé");
    expect(cutText("aé😀", 2)).toBe("a");
    expect(cutText("x".repeat(100), 7)).toBe("xxxxxxx");
  });
});
