import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../limits.ts";
import { listResources } from "./list-resources.ts";
import { ResourceIndex } from "./resource-index.ts";
import { addressOf, type ResourceAddress, storedText } from "./stored-resource.ts";

const name = fc.stringMatching(/^[ab]-?[ab0]{1,2}$/);
const address = fc.oneof(
  name.map((name): ResourceAddress => ({ kind: "Organization", organization: undefined, name })),
  fc
    .record({ kind: fc.constantFrom("Agent", "Provider"), organization: name, name })
    .map((one) => one as ResourceAddress),
);

function indexOf(addresses: readonly ResourceAddress[]): ResourceIndex {
  const index = new ResourceIndex();
  for (const [i, one] of addresses.entries()) index.put(one, textOf(one), i + 1);
  return index;
}

function textOf({ kind, organization, name }: ResourceAddress, instructions = ""): string {
  const resource = { kind, ...(organization === undefined ? {} : { organization }), name };
  return storedText({ ...resource, instructions } as never);
}

function allPages(
  index: ResourceIndex,
  kind: ResourceAddress["kind"],
  of: string | undefined,
  limit: number,
) {
  const found: ResourceAddress[] = [];
  for (let after: string | undefined; ; ) {
    const page = listResources(index, kind, of, after === undefined ? { limit } : { after, limit });
    found.push(...page.items.map(addressOf));
    if (page.next === undefined) return found;
    expect(page.items).toHaveLength(limit);
    after = page.next;
  }
}

function sorted(addresses: readonly ResourceAddress[]): ResourceAddress[] {
  const unique = new Map(addresses.map((one) => [JSON.stringify(one), one]));
  const order = (a = "", b = "") => (a < b ? -1 : a > b ? 1 : 0);
  return [...unique.values()].sort(
    (a, b) => order(a.organization, b.organization) || order(a.name, b.name),
  );
}

describe("pages of resources", () => {
  test("put together are the sorted set, of one organization and of all", () => {
    const kinds = fc.constantFrom("Organization", "Provider", "Agent");
    fc.assert(
      fc.property(
        fc.array(address, { maxLength: 80 }),
        fc.array(address, { maxLength: 20 }),
        kinds,
        fc.option(name, { nil: undefined }),
        fc.integer({ min: 1, max: 7 }),
        (added, removed, kind, of, limit) => {
          const organization = kind === "Organization" ? undefined : of;
          const index = indexOf(added);
          for (const one of removed) index.remove(one, 1_000);
          const gone = new Set(removed.map((one) => JSON.stringify(one)));
          const wanted = sorted(added).filter(
            (one) =>
              one.kind === kind &&
              !gone.has(JSON.stringify(one)) &&
              (organization === undefined || one.organization === organization),
          );
          expect(allPages(index, kind, organization, limit)).toEqual(wanted);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("begin after a name that is not there", () => {
    const agents = ["a", "c", "e"].map(
      (name): ResourceAddress => ({ kind: "Agent", organization: "o", name }),
    );
    const index = indexOf(agents);
    const names = (of: string | undefined, after: string) =>
      listResources(index, "Agent", of, { after, limit: 9 }).items.map(({ name }) => name);
    expect(names("o", "b")).toEqual(["c", "e"]);
    expect(names("o", "e")).toEqual([]);
    expect(names(undefined, "o/b")).toEqual(["c", "e"]);
    expect(names(undefined, "n/x")).toEqual(["a", "c", "e"]);
    expect(names(undefined, "p/x")).toEqual([]);
  });

  test("are capped in number and in text", () => {
    const many = Array.from(
      { length: limits.listPageMax + 1 },
      (_, i): ResourceAddress => ({ kind: "Agent", organization: "o", name: `n${i}` }),
    );
    const page = listResources(indexOf(many), "Agent", "o", { limit: 5_000 });
    expect(page.items).toHaveLength(limits.listPageMax);
    expect(page.next).toBeDefined();

    const index = new ResourceIndex();
    const long = "x".repeat(limits.listPageChars / 2);
    for (const one of many.slice(0, 3)) index.put(one, textOf(one, long), 1);
    expect(listResources(index, "Agent", "o", { limit: 10 }).items).toHaveLength(2);
  });

  test.each([0, -1, 1.5, Number.NaN])("a limit of %s is refused", (limit) => {
    expect(() => listResources(new ResourceIndex(), "Agent", "o", { limit })).toThrow(
      expect.objectContaining({ code: "invalid_request" }),
    );
  });

  test.each(["x", "x/y/z", "/", "x/"])("over all organizations, %s is no place", (after) => {
    expect(() =>
      listResources(new ResourceIndex(), "Agent", undefined, { after, limit: 1 }),
    ).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });
});
