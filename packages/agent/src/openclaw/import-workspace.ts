import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Agent, HoldfastError } from "@holdfast/core";
import type { ImportNote, ImportNotes } from "../workspace/notes.ts";
import { readWorkspace } from "../workspace/read-workspace.ts";
import { workspaceLimits } from "../workspace/workspace-limits.ts";
import { roomForWorkspace, type WorkspaceWishes } from "./agents.ts";
import { bareAgent } from "./bare-workspace.ts";
import type { RosterEntry } from "./roster.ts";
import type { Environment } from "./secrets.ts";
import type { JsonObject } from "./section.ts";
import { isTruthyAt } from "./shared-settings.ts";

export interface ConfigImport {
  readonly directory: string;
  readonly config: JsonObject;
  readonly organization: string;
  readonly notes: ImportNotes;
  readonly env: Environment;
  readonly platform: string;
}

/** The agent with what its folder holds. */
export async function withWorkspace(
  draft: { entry: RosterEntry; agent: Agent; wishes: WorkspaceWishes },
  folder: string | undefined,
  disabled: ReadonlySet<string>,
  source: ConfigImport,
): Promise<Agent> {
  if (folder === undefined) return draft.agent;
  const shared = join(source.directory, "skills");
  const isOwn = resolve(shared).startsWith(`${resolve(folder)}/`);
  const skillFolders = !isOwn && (await isDirectory(shared)) ? [shared] : [];
  const { wishes } = draft;
  const reading = await readWorkspace(
    folder,
    {
      ...workspaceLimits,
      fileChars: Math.min(workspaceLimits.fileChars, wishes.fileChars ?? Infinity),
      totalChars: Math.min(workspaceLimits.totalChars, wishes.totalChars ?? Infinity),
      totalBytes: roomForWorkspace(draft.agent),
    },
    {
      host: {
        platform: source.platform,
        env: source.env,
        config: (path) => isTruthyAt(source.config, path),
      },
      skillFolders,
      disabledSkills: disabled,
      ...(wishes.skills && { allowSkills: wishes.skills }),
    },
  );
  addNotes(source.notes, reading, folder, `agent ${draft.entry.id}: `);
  return { ...draft.agent, workspace: reading.workspace };
}

/** The one agent of a folder without openclaw.json. */
export async function importBare(
  directory: string,
  organization: string,
  notes: ImportNotes,
  env: Environment,
  platform: string,
): Promise<Agent> {
  const host = { platform, env, config: () => false };
  const reading = await readWorkspace(
    directory,
    { ...workspaceLimits, totalBytes: roomForWorkspace(bareAgent("a", organization, undefined)) },
    { host },
  );
  const identity = reading.workspace.files.find((file) => file.path === "IDENTITY.md");
  const agent = bareAgent(directory, organization, identity?.text);
  if (reading.taken.length === 0 && reading.left.length === 0) {
    throw new HoldfastError(
      "import_refused",
      `${directory} holds neither openclaw.json nor files of a workspace (AGENTS.md, SOUL.md, skills/...).`,
    );
  }
  notes.take(
    `agent ${agent.name}`,
    directory,
    'a workspace without openclaw.json, with the model "default"',
  );
  addNotes(notes, reading, "", "");
  return { ...agent, workspace: reading.workspace };
}

function addNotes(
  notes: ImportNotes,
  reading: { taken: readonly ImportNote[]; left: readonly ImportNote[] },
  folder: string,
  prefix: string,
): void {
  for (const note of reading.taken)
    notes.take(prefix + note.subject, resolvePath(folder, note.path), note.reason);
  for (const note of reading.left) {
    notes.leave(prefix + note.subject, resolvePath(folder, note.path), note.reason, note.code);
  }
}

function resolvePath(folder: string, path: string): string {
  return folder === "" ? path : resolve(folder, path);
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
