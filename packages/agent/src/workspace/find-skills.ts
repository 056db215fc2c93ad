import { join } from "node:path";
import { listConfined, readConfined, resolveConfined } from "./confined-files.ts";
import type { ImportNotes } from "./notes.ts";
import type { WorkspaceLimits } from "./workspace-limits.ts";

/** A SKILL.md that was found, with the names of what lies beside it. */
export interface SkillFile {
  /** Path below the root, of the file itself. */
  readonly path: string;
  /** Name of its folder. */
  readonly folder: string;
  readonly text: string;
  readonly beside: readonly string[];
}

/**
 * Every SKILL.md below `base`, in the order of the paths. A folder with a SKILL.md is not searched
 * further; hidden folders and node_modules are not searched at all. `show` makes a path for notes.
 */
export async function findSkills(
  root: string,
  base: string,
  limits: WorkspaceLimits,
  notes: ImportNotes,
  show: (path: string) => string,
): Promise<readonly SkillFile[]> {
  const found: SkillFile[] = [];
  const seen = new Set<string>();
  const waiting: { path: string; depth: number }[] = [{ path: base, depth: 0 }];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { path, depth } = next;
    if (seen.size >= limits.skillDirectories) {
      notes.leave(
        "skills",
        show(path),
        `only ${limits.skillDirectories} folders are searched; this one and those behind it are not`,
        "payload_too_large",
      );
      break;
    }
    const folder = await openFolder(root, path, seen, limits, notes, show);
    if (!folder) continue;
    if (folder.names.includes("SKILL.md")) {
      const skill = await readSkillFile(root, path, folder.names, limits, notes, show);
      if (skill) found.push(skill);
      continue;
    }
    const below = folder.names.filter((name) => !name.startsWith(".") && name !== "node_modules");
    if (depth < limits.skillDepth) {
      waiting.unshift(...below.map((name) => ({ path: join(path, name), depth: depth + 1 })));
    } else if (below.length > 0) {
      notes.leave(
        "skills",
        show(path),
        `folders deeper than ${limits.skillDepth} are not searched`,
      );
    }
  }
  return found;
}

async function openFolder(
  root: string,
  path: string,
  seen: Set<string>,
  limits: WorkspaceLimits,
  notes: ImportNotes,
  show: (path: string) => string,
): Promise<{ names: readonly string[] } | undefined> {
  const real = await resolveConfined(root, path);
  if (typeof real !== "string") {
    if (real.type === "refused") notes.leave("skills", show(path), real.reason, real.code);
    return undefined;
  }
  if (seen.has(real)) return undefined;
  const listing = await listConfined(root, path, limits.directoryEntries);
  if ("type" in listing) {
    // A plain file between the skill folders is nothing to search.
    if (listing.type === "refused") notes.leave("skills", show(path), listing.reason, listing.code);
    return undefined;
  }
  seen.add(real);
  if (listing.more) {
    const reason = `it has more than ${limits.directoryEntries} entries; the others are not read`;
    notes.leave("skills", show(path), reason, "payload_too_large");
  }
  return listing;
}

async function readSkillFile(
  root: string,
  folder: string,
  names: readonly string[],
  limits: WorkspaceLimits,
  notes: ImportNotes,
  show: (path: string) => string,
): Promise<SkillFile | undefined> {
  const path = join(folder, "SKILL.md");
  const reading = await readConfined(root, path, limits.skillBytes);
  if (reading.type === "text") {
    const beside = names.filter((name) => name !== "SKILL.md" && !name.startsWith("."));
    return { path, folder: folder.split("/").at(-1) ?? folder, text: reading.text, beside };
  }
  const reason = reading.type === "absent" ? "its symbolic link leads nowhere" : reading.reason;
  const code = reading.type === "absent" ? "file_unreadable" : reading.code;
  notes.leave(`skill ${folder.split("/").at(-1) ?? folder}`, show(path), reason, code);
  return undefined;
}
