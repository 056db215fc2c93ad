import { HoldfastError } from "@holdfast/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadResources } from "./load-resources.ts";

/** The faults of a text, as `line:column message`. */
function faultsOf(text: string): string[] {
  try {
    loadResources([{ file: "a.yaml", text }]);
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError)) throw thrown;
    return thrown.details.map(({ path, message }) => `${path.replace("a.yaml:", "")} ${message}`);
  }
  return [];
}

/** `"\\n"` as a line break; other words as they stand. */
function unquoted(word: string): string {
  return word.startsWith('"') ? (JSON.parse(word) as string) : word;
}

const organization = "kind: Organization\nname: demo\n";
const agent = "kind: Agent\norganization: demo\nname: greeter\n";

describe("what is taken", () => {
  it("takes several documents, a list, JSON, comments, anchors and an empty document", () => {
    const text = `# a file
${organization}---
---
- &a {kind: Agent, organization: demo, name: one, model: default}
- kind: Agent
  organization: demo
  name: two
  model: demo/echo
...
`;
    const json = '[\n\t{"kind": "Organization", "name": "other"}\n]';
    const { resources } = loadResources([
      { file: "a.yaml", text },
      { file: "b.json", text: json },
    ]);
    expect(resources.map((resource) => resource.name)).toEqual(["demo", "one", "two", "other"]);
  });

  it("resolves an alias where it is used", () => {
    const text = `- kind: Agent
  organization: demo
  name: one
  model: &m {primary: default, fallbacks: [demo/echo]}
- kind: Agent
  organization: demo
  name: two
  model: *m
`;
    const { resources } = loadResources([{ file: "a.yaml", text }]);
    expect(resources[1]).toMatchObject({ model: { primary: "default", fallbacks: ["demo/echo"] } });
  });

  it("puts lines to the faults that the server finds", () => {
    const loaded = loadResources([
      { file: "a.yaml", text: organization },
      { file: "b.yaml", text: `${agent}model: default\ntools:\n  - type: memory\n` },
    ]);
    const details = loaded.place([
      { path: "resources[1].tools[0].type", message: "no" },
      { path: "resources[1].queue.mode", message: "missing" },
      { path: "body", message: "elsewhere" },
    ]);
    expect(details.map(({ path, message }) => `${path} ${message}`)).toEqual([
      "b.yaml:6:5 tools[0].type: no",
      "b.yaml:1:1 queue.mode: missing",
      "body elsewhere",
    ]);
  });
});

describe("what is refused, with its place", () => {
  const cases: [string, string, string[]][] = [
    ["a duplicate key", `${organization}name: again\n`, ["3:1 the key stands here a second time"]],
    [
      "a tab",
      "kind: Organization\nname: demo\ndescription:\n\tx: 1\n",
      ["4:1 a tab cannot indent: use spaces"],
    ],
    [
      "an unknown kind",
      "kind: Robot\nname: demo\n",
      [
        '1:1 kind: unknown kind "Robot": expected one of Organization, Provider, Agent, Account, IdentityLink',
      ],
    ],
    [
      "no kind",
      "name: demo\n",
      [
        "1:1 kind: the kind is missing: expected one of Organization, Provider, Agent, Account, IdentityLink",
      ],
    ],
    ["no map", "hello\n", ["1:1 expected a resource: a map with kind and name"]],
    [
      "a key that is a number",
      `${organization}404: x\n`,
      ['3:1 a key must be a string: write "404" in quotes'],
    ],
    ["a key that is a list", `${organization}? [a]\n: x\n`, ["3:3 a key must be a string"]],
    [
      "an alias to itself",
      "kind: Organization\nname: &n [*n]\n",
      ['2:11 the alias "n" refers to itself'],
    ],
    [
      "an undefined alias",
      "kind: Organization\nname: *n\n",
      ['2:7 the anchor "n" is not defined before its use'],
    ],
    ["a foreign tag", `${organization}description: !secret x\n`, ["3:14 unresolved tag: !secret"]],
    [
      "a value that JSON lacks",
      `${organization}description: .nan\n`,
      ["3:14 expected a text, a number, true, false or null"],
    ],
    [
      "a NUL",
      `${organization}description: "a\\0b"\n`,
      ["3:14 the text holds a NUL character or a lone surrogate"],
    ],
    [
      "a lone surrogate",
      `${organization}description: "\\uD800"\n`,
      ["3:14 the text holds a NUL character or a lone surrogate"],
    ],
    [
      "the prototype's key",
      `${organization}__proto__: {x: 1}\n`,
      ["3:1 the key __proto__ is not allowed"],
    ],
    [
      "the same resource twice",
      `${organization}---\n${organization}`,
      ["5:1 name: Organization demo stands at a.yaml:1 too"],
    ],
    [
      "a provider's wrong type",
      "kind: Provider\norganization: demo\nname: p\ntype: azure\n",
      ['4:1 type: invalid option: expected one of "openai-compatible"|"openai"|"anthropic"|"demo"'],
    ],
  ];
  it.each(cases)("%s", (_what, text, expected) => {
    const faults = faultsOf(text);
    expect(faults.slice(0, expected.length)).toEqual(expected);
  });

  it("gives every fault of every document at once", () => {
    const text = `kind: Agent
organization: Demo
name: greeter
model: 7
instrctions: hi
tools:
  - type: http
    name: look up
    description: x
    parameters: {}
    url: ftp://example.org
  - type: magic
limits:
  maxSteps: 0
---
kind: Organization
`;
    const faults = faultsOf(text);
    const places = faults.map((fault) => fault.split(" ").slice(0, 2).join(" "));
    expect(places).toEqual([
      "2:1 organization:",
      "4:1 model:",
      "8:5 tools[0].name:",
      "11:5 tools[0].url:",
      "12:5 tools[1].type:",
      "14:3 limits.maxSteps:",
      "5:1 instrctions:",
      "16:1 name:",
    ]);
    expect(faults).toContain("12:5 tools[1].type: expected one of memory, agents, http, mcp");
    expect(faults).toContain("5:1 instrctions: unknown field");
    expect(faults).toContain("16:1 name: missing: expected a string");
  });

  it("an alias bomb, quickly", () => {
    const level = (name: string, of: string) =>
      `${name}: &${name} [${Array(10).fill(`*${of}`).join(", ")}]\n`;
    let text = 'kind: Organization\na: &a ["x"]\n';
    for (const [name, of] of ["ba", "cb", "dc", "ed", "fe", "gf", "hg", "ih"].map((p) =>
      p.split(""),
    )) {
      text += level(name ?? "", of ?? "");
    }
    const begun = performance.now();
    expect(faultsOf(text).join()).toContain("more than 200000 values, aliases counted");
    expect(performance.now() - begun).toBeLessThan(3_000);
  });

  it("values nested too deep, however deep", () => {
    for (const depth of [150, 200_000]) {
      const text = `kind: Organization\nname: ${"[".repeat(depth)}${"]".repeat(depth)}\n`;
      expect(faultsOf(text).join()).toContain("nested deeper than 100 levels");
    }
  });

  it("whatever a file holds: the answer is resources or faults with places", () => {
    const words = `kind name ": " : "\\n" "  " "- " "&a " *a { } [ ] ", " ' | > "\\t" "---\\n" ... "? " "!t " # % ~ 1 Agent`;
    const piece = fc.constantFrom(
      '"',
      "\uFEFF",
      ...(words.match(/"[^"]+"|\S+/g) ?? []).map(unquoted),
    );
    const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(text, (given) => {
        for (const fault of faultsOf(given)) expect(fault).toMatch(/^[1-9]\d*:[1-9]\d* ./);
      }),
      { numRuns: 500 },
    );
  });

  it("broken JSON and broken YAML", () => {
    expect(faultsOf('{"kind": "Organization", "name": }')).not.toEqual([]);
    expect(faultsOf("kind: [Organization\nname: x")[0]).toMatch(/^\d+:\d+ /);
    expect(() => loadResources([{ file: "a.yaml", text: "# nothing\n" }])).toThrow(
      "No resource is declared in a.yaml.",
    );
  });
});
