import { join } from "node:path";
import type { Workspace } from "@holdfast/core";
import { confine, listConfined, readConfined } from "./confined-files.ts";
import { findSkills } from "./find-skills.ts";
import { type ImportNote, ImportNotes } from "./notes.ts";
import { readSkillText, type Skill } from "./read-skills.ts";
import type { SkillHost } from "./skill-requirements.ts";
import { Budget } from "./workspace-budget.ts";
import { type WorkspaceLimits, workspaceLimits } from "./workspace-limits.ts";

export interface WorkspaceReading {
  readonly workspace: Workspace;
  readonly taken: readonly ImportNote[];
  readonly left: readonly ImportNote[];
}

export interface WorkspaceOptions {
  readonly host?: SkillHost;
  /** Only these skills, by name; all when absent. */
  readonly allowSkills?: readonly string[];
  /** Skills that the configuration switches off. */
  readonly disabledSkills?: ReadonlySet<string>;
  /** Further folders with skills, which the workspace's own skills of the same name replace. */
  readonly skillFolders?: readonly string[];
}

/** In the order in which OpenClaw puts them before the model. */
const instructionFiles = [
  "AGENTS.md",
  "SOUL.md",
  // Of older workspaces; newer ones have a section Tools in AGENTS.md.
  "TOOLS.md",
  "IDENTITY.md",
  "USER.md",
  "BOOTSTRAP.md",
  "MEMORY.md",
];

const otherFiles: Readonly<Record<string, string>> = {
  "BOOT.md":
    "OpenClaw runs it when its gateway starts; nodes run nothing of agents when they start",
  "HEARTBEAT.md": "heartbeats are not supported: nothing wakes an agent but a message",
};

const dailyNote = /^\d{4}-\d{2}-\d{2}(-[\w-]+)?\.md$/;

/**
 * Reads an OpenClaw workspace: instruction files, the newest daily notes and skills. Only known names are
 * looked up, so other files cost nothing. Errors: `file_unreadable` when the folder itself cannot be read;
 * everything below it becomes a note.
 */
export async function readWorkspace(
  directory: string,
  limits: WorkspaceLimits = workspaceLimits,
  options: WorkspaceOptions = {},
): Promise<WorkspaceReading> {
  const notes = new ImportNotes();
  const root = await confine(directory);
  const budget = new Budget(limits);
  const files: { path: string; text: string }[] = [];
  const add = (path: string, text: string) => {
    const kept = budget.instruction(path, text, notes);
    if (kept !== undefined) files.push({ path, text: kept });
  };
  for (const path of instructionFiles) {
    const text = await readFile(root, path, limits, notes);
    if (text !== undefined) add(path, text);
  }
  for (const path of await newestDailyNotes(root, limits, notes)) {
    const text = await readFile(root, path, limits, notes);
    if (text !== undefined) add(path, text);
  }
  for (const [path, reason] of Object.entries(otherFiles)) {
    const reading = await readConfined(root, path, limits.fileBytes);
    if (reading.type === "refused") notes.leave(path, path, reading.reason, reading.code);
    if (reading.type === "text") notes.leave(path, path, reason);
  }
  const skills = await readSkills(root, limits, options, budget, notes);
  return { workspace: { files, skills }, taken: notes.taken, left: notes.left };
}

async function readFile(
  root: string,
  path: string,
  limits: WorkspaceLimits,
  notes: ImportNotes,
): Promise<string | undefined> {
  const reading = await readConfined(root, path, limits.fileBytes);
  if (reading.type === "refused") notes.leave(path, path, reading.reason, reading.code);
  return reading.type === "text" ? reading.text.trim() : undefined;
}

async function newestDailyNotes(
  root: string,
  limits: WorkspaceLimits,
  notes: ImportNotes,
): Promise<readonly string[]> {
  const listing = await listConfined(root, "memory", limits.directoryEntries);
  if ("type" in listing) {
    if (listing.type === "refused") notes.leave("memory", "memory", listing.reason, listing.code);
    return [];
  }
  const daily = listing.names.filter((name) => dailyNote.test(name)).toReversed();
  const newest = daily.slice(0, limits.dailyNotes);
  const others = listing.names.length - newest.length;
  if (others > 0) {
    const count = listing.more ? `more than ${others}` : String(others);
    const reason = `${count} other entries: of memory/ only the ${limits.dailyNotes} newest daily notes are read`;
    notes.leave("older notes", "memory", reason);
  }
  return newest.map((name) => `memory/${name}`);
}

async function readSkills(
  root: string,
  limits: WorkspaceLimits,
  options: WorkspaceOptions,
  budget: Budget,
  notes: ImportNotes,
): Promise<Skill[]> {
  const host = options.host ?? {
    platform: process.platform,
    env: process.env,
    config: () => false,
  };
  const skills = new Map<string, { skill: Skill; path: string }>();
  const roots = [
    { root, base: "skills", show: (path: string) => path },
    { root, base: join(".agents", "skills"), show: (path: string) => path },
  ];
  for (const folder of options.skillFolders ?? []) {
    const show = (path: string) => join(folder, path);
    roots.push({ root: await confine(folder), base: "", show });
  }
  for (const place of roots) {
    for (const file of await findSkills(place.root, place.base, limits, notes, place.show)) {
      const path = place.show(file.path);
      const skill = await readSkillText(file, path, host, limits, notes);
      if (!skill) continue;
      const subject = `skill ${skill.name}`;
      const first = skills.get(skill.name);
      if (first) {
        notes.leave(subject, path, `another skill has this name and comes first: ${first.path}`);
      } else if (options.disabledSkills?.has(skill.name)) {
        notes.leave(subject, path, "the configuration switches it off");
      } else if (options.allowSkills && !options.allowSkills.includes(skill.name)) {
        notes.leave(subject, path, "the agent's list of skills does not name it");
      } else if (skills.size >= limits.skills) {
        notes.leave(
          subject,
          path,
          `the limit of ${limits.skills} skills is reached`,
          "payload_too_large",
        );
      } else if (budget.skill(skill, path, notes)) {
        skills.set(skill.name, { skill, path });
      }
    }
  }
  for (const name of options.allowSkills ?? []) {
    if (!skills.has(name) && !notes.left.some((note) => note.subject === `skill ${name}`)) {
      notes.leave(
        `skill ${name}`,
        "skills",
        "the agent's list names it, but no folder here holds it: copy those that OpenClaw ships into skills/",
      );
    }
  }
  return [...skills.values()].map((entry) => entry.skill);
}
