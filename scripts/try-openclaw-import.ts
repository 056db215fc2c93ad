/**
 * Imports what the npm package `openclaw` ships: its workspace templates and every skill. Prints what was
 * taken over and what was left, and fails when something could not be read although it is sound.
 * The package is unpacked into a temporary folder that is removed afterwards; nothing of it is kept.
 *
 *   node scripts/try-openclaw-import.ts [version]
 */
import { execFile } from "node:child_process";
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { importOpenClaw, type ImportNote, type ImportResult } from "../packages/agent/src/index.ts";

const run = promisify(execFile);
const version = process.argv[2] ?? "2026.9.6";
const packTimeoutMs = 300_000;
/** Templates that no workspace file stands for: an import leaves them out by design. */
const leftByDesign = ["BOOT.md", "HEARTBEAT.md"];
const platforms = ["linux", "darwin", "win32"];

interface Row {
  readonly outcome: "taken" | "left" | "FAULT";
  readonly subject: string;
  readonly reason: string;
}

const folder = await mkdtemp(join(tmpdir(), "holdfast-openclaw-"));
try {
  const source = await unpack(folder);
  const rows = [
    ...(await tryTemplates(source, folder)),
    ...(await tryRoster(source, folder)),
    ...(await trySkills(source, folder)),
  ];
  print(rows);
  if (rows.some(({ outcome }) => outcome === "FAULT")) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function unpack(target: string): Promise<string> {
  const options = { cwd: target, timeout: packTimeoutMs, maxBuffer: 64 * 1024 * 1024 };
  await run("npm", ["pack", "--ignore-scripts", "--silent", `openclaw@${version}`], options);
  await run("tar", ["xzf", `openclaw-${version}.tgz`], options);
  return join(target, "package");
}

/** Each set of templates (plain and `.dev`) as a bare workspace. */
async function tryTemplates(source: string, target: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const suffix of [".md", ".dev.md"]) {
    const workspace = join(target, `templates${suffix.replaceAll(".", "-")}`);
    await mkdir(workspace);
    const expected: string[] = [];
    for await (const file of glob(`docs/reference/templates/*${suffix}`, { cwd: source })) {
      const name = basename(file).replace(".dev.md", ".md");
      if (suffix === ".md" && file.endsWith(".dev.md")) continue;
      await cp(join(source, file), join(workspace, name));
      expected.push(name);
    }
    const result = await importOpenClaw(workspace, { organization: "try" });
    for (const name of expected)
      rows.push(row(`template ${name.replace(".md", suffix)}`, name, result));
  }
  for await (const file of glob("docs/reference/templates/roles/*/workspace", { cwd: source })) {
    const result = await importOpenClaw(join(source, file), { organization: "try" });
    rows.push(row(`role ${basename(dirname(file))}`, "AGENTS.md", result));
  }
  return rows;
}

/** The same templates behind an openclaw.json in both forms of the roster. */
async function tryRoster(source: string, target: string): Promise<Row[]> {
  const rows: Row[] = [];
  const forms = {
    entries: { entries: { main: {}, helper: {} } },
    list: { list: [{ id: "main", default: true }, { id: "helper" }] },
  };
  for (const [form, agents] of Object.entries(forms)) {
    const state = join(target, `state-${form}`);
    for (const id of ["main", "helper"]) {
      await cp(join(source, "docs/reference/templates"), join(state, `workspace-${id}`), {
        recursive: true,
      });
    }
    await writeFile(join(state, "openclaw.json"), JSON.stringify({ agents }));
    const result = await importOpenClaw(state, { organization: "try" });
    const found = result.resources.filter(
      (resource) => resource.kind === "Agent" && resource.workspace,
    );
    const outcome = found.length === 2 ? "taken" : "FAULT";
    rows.push({
      outcome,
      subject: `agents.${form}`,
      reason: `${found.length} of 2 agents with a workspace`,
    });
  }
  return rows;
}

/** Every SKILL.md of the package, each in a workspace of its own, so that one cannot hide another. */
async function trySkills(source: string, target: string): Promise<Row[]> {
  const rows: Row[] = [];
  const files: string[] = [];
  for await (const file of glob("**/SKILL.md", { cwd: source })) files.push(file);
  for (const [index, file] of files.toSorted().entries()) {
    const workspace = join(target, `skill-${index}`);
    await cp(dirname(join(source, file)), join(workspace, "skills", basename(dirname(file))), {
      recursive: true,
    });
    let result = await importOpenClaw(workspace, { organization: "try" });
    const wrongPlatform = result.left.some((note) => note.reason.startsWith("it is for "));
    for (const platform of wrongPlatform ? platforms : []) {
      const other = await importOpenClaw(workspace, { organization: "try", platform });
      if (skillCount(other) > 0) result = other;
    }
    const about = [...result.taken, ...result.left].filter((note) => note.subject !== "agent");
    const reason = about
      .filter((note) => note.path.includes("SKILL.md"))
      .map((note) => note.reason)
      .join("; ");
    const taken = skillCount(result) === 1 && (await isWhole(result, join(source, file)));
    rows.push({
      outcome: taken ? "taken" : "FAULT",
      subject: `skill ${relative(".", file)}`,
      reason: wrongPlatform ? `(other platform only) ${reason}` : reason,
    });
  }
  if (files.length === 0)
    rows.push({ outcome: "FAULT", subject: "skills", reason: "none were found" });
  return rows;
}

function skillCount(result: ImportResult): number {
  return result.resources.reduce(
    (sum, resource) =>
      sum + (resource.kind === "Agent" ? (resource.workspace?.skills.length ?? 0) : 0),
    0,
  );
}

/** The text that came over ends as the file does. */
async function isWhole(result: ImportResult, file: string): Promise<boolean> {
  const original = (await readFile(file, "utf8")).replaceAll("\r\n", "\n");
  return result.resources.some(
    (resource) =>
      resource.kind === "Agent" &&
      resource.workspace?.skills.some(
        (skill) => skill.text !== "" && original.endsWith(skill.text),
      ),
  );
}

function row(subject: string, path: string, result: ImportResult): Row {
  const find = (notes: readonly ImportNote[]) => notes.find((note) => note.path === path);
  const taken = find(result.taken);
  if (taken) return { outcome: "taken", subject, reason: taken.reason };
  const left = find(result.left);
  const meant = left !== undefined && left.code === undefined && leftByDesign.includes(path);
  return { outcome: meant ? "left" : "FAULT", subject, reason: left?.reason ?? "not mentioned" };
}

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map((entry) => entry.subject.length));
  for (const entry of rows) {
    console.log(`${entry.outcome.padEnd(6)} ${entry.subject.padEnd(width)}  ${entry.reason}`);
  }
  const count = (outcome: Row["outcome"]) =>
    rows.filter((entry) => entry.outcome === outcome).length;
  console.log(
    `\nopenclaw@${version}: ${count("taken")} taken, ${count("left")} left, ${count("FAULT")} faults`,
  );
}
