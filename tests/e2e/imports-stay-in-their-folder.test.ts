import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, apiOf } from "./api.ts";
import { runHoldfast, TestHome } from "./node-process.ts";

const home = new TestHome();
const folder = mkdtempSync(join(tmpdir(), "holdfast-import-"));
const workspace = join(folder, "crew");
const secret = "what stands outside";
let api: Api;
let env: Record<string, string>;

beforeAll(async () => {
  const node = await home.start();
  api = apiOf(node);
  env = { HOLDFAST_HOME: home.path, HOLDFAST_URL: node.url };
  mkdirSync(join(folder, "outside", "skill"), { recursive: true });
  writeFileSync(join(folder, "outside", "SOUL.md"), secret);
  writeFileSync(
    join(folder, "outside", "skill", "SKILL.md"),
    `---\nname: spy\ndescription: ${secret}\n---\n${secret}`,
  );
  mkdirSync(join(workspace, "skills", "bare"), { recursive: true });
  mkdirSync(join(workspace, "skills", "good"));
  mkdirSync(join(workspace, "memory"));
  writeFileSync(join(workspace, "AGENTS.md"), "Be kind.");
  writeFileSync(join(workspace, "TOOLS.md"), "t".repeat(3 * 1024 * 1024));
  writeFileSync(join(workspace, "skills", "bare", "SKILL.md"), "No front matter here.");
  writeFileSync(
    join(workspace, "skills", "good", "SKILL.md"),
    "---\nname: good\ndescription: Does good.\n---\nDo good.",
  );
  symlinkSync(join(folder, "outside", "SOUL.md"), join(workspace, "SOUL.md"));
  symlinkSync("../../outside/skill", join(workspace, "skills", "spy"));
  symlinkSync("..", join(workspace, "skills", "round"));
  for (let number = 0; number < 10_000; number += 1) {
    writeFileSync(join(workspace, "memory", `note-${number}.md`), "a note");
  }
});

afterAll(async () => {
  await home.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("links that lead out, 10,000 files, files over the caps, a skill without front matter", async () => {
  const started = performance.now();
  const { code, stdout, stderr } = await runHoldfast(
    ["import", "openclaw", workspace, "--org", "acme", "-y"],
    env,
  );
  expect(code, stderr).toBe(0);
  expect(performance.now() - started).toBeLessThan(15_000);
  const left = stdout.slice(stdout.indexOf("Not taken over"));
  expect(left).toMatch(/SOUL\.md.*(outside|leads out|link)/);
  expect(left).toMatch(/spy.*(outside|leads out|link)/);
  expect(left).toMatch(/TOOLS\.md.*(bytes|large|over)/);
  expect(left).toMatch(/bare.*front matter/);
  const { body } = await api.call("GET", "/api/v1/orgs/acme/agents");
  expect(body.items).toHaveLength(1);
  const [agent] = body.items;
  expect(JSON.stringify(agent)).not.toContain(secret);
  expect(JSON.stringify(agent)).toContain("Be kind.");
  expect(agent.workspace.skills.map(({ name }: { name: string }) => name)).toEqual(["good"]);
  const answer = await api.ask(`acme/${agent.name}`, "c", "Hello", "k");
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
});

test("a folder that is not there, or a configuration that is none, applies nothing", async () => {
  const run = (dir: string) =>
    runHoldfast(["import", "openclaw", dir, "--org", "other", "-y"], env);
  const missing = await run(join(folder, "nowhere"));
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/^error\[(import_refused|file_unreadable)\]: .*nowhere/);
  const broken = join(folder, "broken");
  mkdirSync(broken);
  writeFileSync(join(broken, "openclaw.json"), "{agents: [}");
  const refused = await run(broken);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^error\[import_refused\]: .*openclaw\.json/);
  expect((await api.call("GET", "/api/v1/orgs/other")).status).toBe(404);
});
