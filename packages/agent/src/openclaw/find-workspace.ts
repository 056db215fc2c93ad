import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { openClawId } from "./names.ts";
import { type Environment, substitute } from "./secrets.ts";
import type { RosterEntry } from "./roster.ts";
import type { Section } from "./section.ts";

export interface WorkspacePlaces {
  /** The folder of openclaw.json. */
  readonly directory: string;
  readonly env: Environment;
  readonly roster: readonly RosterEntry[];
  readonly defaults: Section | undefined;
}

/**
 * The folder of an agent's workspace: its own setting, else OpenClaw's rule: the only agent has the default
 * workspace, several have one each. Undefined, with a note, when it does not exist.
 */
export async function findWorkspace(
  agent: RosterEntry,
  places: WorkspacePlaces,
): Promise<string | undefined> {
  const { section } = agent;
  const subject = `workspace of agent ${agent.id}`;
  const own = section.string("workspace");
  const shared = places.defaults?.string("workspace");
  const wanted = own === undefined ? inherited(agent, shared, places) : [own];
  for (const written of wanted) {
    const filled = substitute(written, places.env);
    if (filled.open.length > 0) {
      section.leave(
        "workspace",
        subject,
        `its path needs ${filled.open.join(", ")}: set it for the import`,
      );
      return undefined;
    }
    for (const path of candidates(filled.text, places.directory)) {
      if (!(await isDirectory(path))) continue;
      section.take("workspace", subject, `read from ${path}`);
      if (own === undefined && shared !== undefined) {
        places.defaults?.take(
          "workspace",
          "default workspace",
          "where agents without one of their own look",
        );
      }
      return path;
    }
  }
  const shown = wanted.join(" or ");
  section.leave("workspace", subject, `${shown} does not exist: the agent has no workspace files`);
  return undefined;
}

function inherited(
  agent: RosterEntry,
  shared: string | undefined,
  places: WorkspacePlaces,
): readonly string[] {
  const { roster, directory } = places;
  const main =
    roster.find((entry) => entry.isDefault) ??
    roster.find((entry) => openClawId(entry.id) === "main");
  const whole = shared ?? join(directory, "workspace");
  if (roster.length === 1) return [whole];
  const id = openClawId(agent.id);
  const each = shared === undefined ? join(directory, `workspace-${id}`) : join(shared, id);
  // Older versions gave the default agent the shared folder.
  return agent === main ? [each, whole] : [each];
}

/** A state folder that was copied still speaks of ~/.openclaw: there its own content comes first. */
function candidates(written: string, directory: string): readonly string[] {
  const home = /^~(?:\/|$)/.exec(written);
  const path = home ? join(homedir(), written.slice(1)) : written;
  if (!isAbsolute(path)) return [resolve(directory, path)];
  const inState = /\/\.openclaw(?:-[\w-]+)?\/(.+)$/.exec(path)?.[1];
  return inState === undefined ? [path] : [join(directory, inState), path];
}

async function isDirectory(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status?.isDirectory() === true;
}
