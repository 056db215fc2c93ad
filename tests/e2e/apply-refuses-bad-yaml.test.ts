import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { runHoldfast, TestHome } from "./node-process.ts";

const home = new TestHome();
let api: Api;
let env: Record<string, string>;

beforeAll(async () => {
  const node = await home.start();
  api = apiOf(node);
  env = { HOLDFAST_HOME: home.path, HOLDFAST_URL: node.url };
});

afterAll(() => home.remove());

const apply = (yaml: string) => runHoldfast(["apply", "-y", "-f", "-"], env, yaml);

const organization = "kind: Organization\nname: acme\n---\n";

test.each([
  [
    "a duplicate key",
    "kind: Agent\norganization: acme\nname: a\nmodel: demo/greeter\nname: b",
    8,
    /a second time/,
  ],
  ["a cycle", "&self\nkind: Agent\nloop: *self", 6, /cycle|itself|circ/i],
  ["an unknown kind", "kind: Robot\nname: r2", 4, /Organization.*Provider.*Agent/],
  ["no kind", "name: r2", 4, /kind/],
  ["an unknown field", "kind: Organization\nname: b\ncolour: red", 6, /colour/],
  ["a wrong type", "kind: Organization\nname: 5", 5, /expected string/i],
  ["a wrong name", "kind: Organization\nname: Not A Name", 5, /a-z 0-9/],
  ["what is no YAML", "kind: Organization\nname: [b", 6, /\w/],
  ["a tag", "kind: !!js/function 'x'\nname: b", 4, /tag/i],
  ["a list where an object is needed", "- 5", 4, /\w/],
])("%s is refused with its line, and nothing of the set is applied", async (_, bad, line, said) => {
  const { code, stdout, stderr } = await apply(`${organization}${bad}\n`);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^error\[invalid_resource\]/);
  expect(stderr).toMatch(new RegExp(`:${line}(:|\\b)`));
  expect(stderr).toMatch(said);
  expect((await api.call("GET", "/api/v1/orgs/acme")).status).toBe(404);
});

test("an alias bomb ends at once", async () => {
  const levels = Array.from(
    { length: 12 },
    (_, level) =>
      `a${level}: &a${level} [${Array(10)
        .fill(level === 0 ? "x" : `*a${level - 1}`)
        .join(", ")}]`,
  );
  const started = performance.now();
  const { code, stderr } = await apply(levels.join("\n"));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error\[invalid_resource\]/);
  expect(performance.now() - started).toBeLessThan(10_000);
});

test("all faults are told at once, those of the node too", async () => {
  const { code, stderr } = await apply(`${organization}kind: Agent
organization: acme
name: a
model: nowhere/model
---
kind: Agent
organization: nobody
name: b
model: demo/greeter
`);
  expect(code).toBe(1);
  expect(stderr).toMatch(/:\d+.*nowhere/);
  expect(stderr).toMatch(/:\d+.*nobody/);
  expect((await api.call("GET", "/api/v1/orgs/acme")).status).toBe(404);
});

test("a file that is not there, and one that is no text", async () => {
  const missing = await runHoldfast(["apply", "-y", "-f", "/nowhere/agents.yaml"], env);
  expect(missing).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("error[file_unreadable]"),
  });
  const binary = await runHoldfast(["apply", "-y", "-f", process.execPath], env);
  expect(binary.code).toBe(1);
  expect(binary.stderr).toMatch(/^error\[\w+\]: /);
});
