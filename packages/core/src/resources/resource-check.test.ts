import { describe, expect, test } from "vitest";
import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { ApplyOptions } from "../resource-store.ts";
import { checkResources, throwFaults } from "./resource-check.ts";
import { identityLinkSchema, organizationSchema } from "../resources.ts";
import { ResourceIndex } from "./resource-index.ts";
import { storedText } from "./stored-resource.ts";
import { acme, agent, provider } from "./testing/declared.ts";

/** The error's code and details as `path: message`, or nothing when all is right. */
function faultsOf(declared: readonly unknown[], options: ApplyOptions = {}) {
  try {
    throwFaults(checkResources(declared, options, new ResourceIndex(), () => []));
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError)) throw thrown;
    return {
      code: thrown.code,
      details: thrown.details.map((one) => `${one.path}: ${one.message}`),
    };
  }
  return undefined;
}
const http = (parameters: unknown) => ({
  tools: [{ type: "http", name: "t", description: "d", url: "http://example.org/", parameters }],
});

describe("what is right by itself", () => {
  test("every fault of every resource is named at once", () => {
    const declared = [
      { kind: "Agents", name: "x" },
      acme,
      agent("Bad!", { instructoins: "x", queue: { mode: "fast" }, model: { primary: "x" } }),
      7,
      null,
      { name: "x" },
      agent("bo", { tools: [{ type: "telepathy" }, { type: "http", name: "t" }] }),
    ];
    const { code, details } = faultsOf(declared) ?? {};
    expect(code).toBe("invalid_resource");
    expect(details).toEqual([
      'resources[0].kind: unknown kind "Agents": expected one of Organization, Provider, Agent, Account, IdentityLink',
      "resources[2].name: expected 1 to 63 characters of a-z 0-9 -, beginning and ending with a letter or digit",
      'resources[2].model.primary: expected "provider/model" or "default"',
      'resources[2].queue.mode: expected one of "followup"|"collect"',
      "resources[2].instructoins: unknown field",
      "resources[3]: expected an object with kind and name",
      "resources[4]: expected an object with kind and name",
      "resources[5].kind: missing: expected one of Organization, Provider, Agent, Account, IdentityLink",
      'resources[6].tools[0].type: unknown type "telepathy": expected one of memory, agents, http, mcp',
      "resources[6].tools[1].description: missing: expected string",
      "resources[6].tools[1].parameters: missing: expected record",
      "resources[6].tools[1].url: missing: expected string",
    ]);
  });

  test.each([
    [agent("bo", { model: 3 }), "resources[1].model: expected string or object"],
    [agent("bo", { model: undefined }), "resources[1].model: expected string or object"],
    [
      provider("p", { apiKey: { fromEnv: "A B" } }),
      "resources[1].apiKey.fromEnv: expected the name of an environment variable",
    ],
    [provider("p", { headers: { a: 1 } }), "resources[1].headers.a: expected string or object"],
    [
      provider("p", { type: "openai-compatible" }),
      "resources[1].baseUrl: missing: expected an http or https URL, which openai-compatible needs",
    ],
    [
      agent("bo", http({ type: "array" })),
      'resources[1].tools[0].parameters.type: expected "object": arguments are an object',
    ],
    [
      agent("bo", http({ type: "object", properties: [], required: "a" })),
      "resources[1].tools[0].parameters.properties: expected an object of JSON schemas",
    ],
  ])("%j", (declared, fault) => {
    expect(faultsOf([acme, declared])?.details[0]).toBe(fault);
  });

  test("size and depth are bounded", () => {
    const long = "é".repeat(150_000);
    const skills = [1, 2].map((i) => ({ name: `s${i}`, description: "", text: long }));
    const large = faultsOf([acme, agent("bo", { workspace: { files: [], skills } })]);
    expect(large?.details[0]).toMatch(
      new RegExp(
        `^resources\\[1\\]: \\d+ bytes of JSON: expected at most ${limits.resourceBytes}$`,
      ),
    );
    const circle: Record<string, unknown> = { ...acme };
    circle.description = circle;
    expect(faultsOf([circle])?.details[0]).toMatch(/levels of nesting/);
  });

  test("a set has a largest number of resources, and its faults are counted beyond a number", () => {
    const many = Array.from({ length: limits.resourcesPerApply + 1 }, (_, i) => agent(`n${i}`));
    expect(faultsOf(many)?.code).toBe("payload_too_large");
    const unknown = Object.fromEntries(many.map((_, i) => [`f${i}`, 1]));
    const { details = [] } = faultsOf([{ ...acme, ...unknown }]) ?? {};
    expect(details).toHaveLength(limits.resourceFaultsNamed + 1);
    expect(details.at(-1)).toBe("resources: and 1 more faults");
  });
});

describe("what is right together", () => {
  test("nothing stands twice", () => {
    expect(faultsOf([acme, agent("bo"), agent("bo")])?.details).toEqual([
      "resources[2].name: Agent acme/bo stands at resources[1] already: expected each once",
    ]);
    expect(faultsOf([acme, agent("bo"), provider("bo")])).toBeUndefined();
  });

  test("organizations and providers must exist or come in the set, in any order", () => {
    const model = { primary: "own/m", fallbacks: ["openai/x", "lost/m", "demo/x", "anthropic/x"] };
    const { details } = faultsOf([agent("bo", { model }), provider("own"), acme]) ?? {};
    expect(details).toEqual([
      "resources[0].model.fallbacks[1]: the provider lost does not exist in acme: expected one of its providers, demo, openai or anthropic",
    ]);
    expect(faultsOf([agent("bo")])?.details).toEqual([
      "resources[0].organization: the organization acme does not exist: expected one that does, or that is in the set",
    ]);
    const other = provider("own", {}, "other");
    const foreign = [acme, { ...acme, name: "other" }, other, agent("bo", { model: "own/m" })];
    expect(faultsOf(foreign)?.details).toHaveLength(1);
    expect(faultsOf([acme, agent("bo", { tools: [{ type: "agents", allow: ["later"] }] })])).toBe(
      undefined,
    );
  });

  test("a faulty resource is not told again by those who refer to it", () => {
    const declared = [acme, provider("p", { oops: 1 }), agent("bo", { model: "p/m" })];
    expect(faultsOf(declared)?.details).toEqual(["resources[1].oops: unknown field"]);
  });

  test("a name that cannot be declared is not looked for", () => {
    const model = `${"p".repeat(2_000)}/m`;
    const { missing } = checkResources(
      [acme, agent("bo", { model })],
      {},
      new ResourceIndex(),
      () => [],
    );
    expect(missing.size).toBe(0);
  });
});

describe("a caller confined to an organization", () => {
  const options = { organization: "acme" };

  test("may change its providers and agents only", () => {
    const declared = [agent("bo", {}, "other"), acme, { kind: "Organization", name: "new" }];
    const { code, details } = faultsOf(declared, options) ?? {};
    expect(code).toBe("forbidden");
    expect(details).toEqual([
      "resources[0].organization: forbidden: expected the organization acme",
      "resources[1]: forbidden: only resources of the organization acme may be applied",
      "resources[2]: forbidden: only resources of the organization acme may be applied",
    ]);
  });

  test("is told its own faults as everybody is", () => {
    expect(faultsOf([agent("bo", { x: 1 })], options)?.code).toBe("invalid_resource");
  });
});

describe("identity links", () => {
  const link = (name: string, ids: readonly string[]) => ({
    kind: "IdentityLink",
    organization: "acme",
    name,
    identities: ids.map((id) => ({ channel: "telegram", id })),
  });

  test("name a person once, in the set and in what is stored", () => {
    expect(faultsOf([acme, link("ada", ["1", "2"]), link("bo", ["3", "2"])])).toMatchObject({
      code: "invalid_resource",
      details: [
        expect.stringMatching(/^resources\[2\]\.identities\[1\]: 2 on telegram already belongs/),
      ],
    });
    const index = new ResourceIndex();
    const stored = identityLinkSchema.parse(link("cy", ["9"]));
    index.put(
      { kind: "Organization", organization: undefined, name: "acme" },
      storedText(organizationSchema.parse(acme)),
      1,
    );
    index.put({ kind: "IdentityLink", organization: "acme", name: "cy" }, storedText(stored), 2);
    const { faults } = checkResources([link("dee", ["9"])], {}, index, () => []);
    expect(faults.map(({ path }) => path)).toEqual(["resources[0].identities[0]"]);
    // Two that were stored as different ones are no fault of a third.
    const twin = identityLinkSchema.parse(link("twin", ["9"]));
    index.put({ kind: "IdentityLink", organization: "acme", name: "twin" }, storedText(twin), 3);
    expect(checkResources([link("eve", ["7"])], {}, index, () => []).faults).toEqual([]);
    index.remove({ kind: "IdentityLink", organization: "acme", name: "twin" }, 4);
    // It may be written anew under its own name.
    expect(checkResources([link("cy", ["9", "8"])], {}, index, () => []).faults).toEqual([]);
  });
});
