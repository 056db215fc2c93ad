import type { Workspace } from "@holdfast/core";
import { cutText } from "./cut-text.ts";
import type { SkillFile } from "./find-skills.ts";
import { parseFrontMatter } from "./front-matter.ts";
import type { ImportNotes } from "./notes.ts";
import { checkRequirements, type SkillHost } from "./skill-requirements.ts";
import type { WorkspaceLimits } from "./workspace-limits.ts";

export type Skill = Workspace["skills"][number];

const nameChars = 100;
const descriptionChars = 4_000;
const knownKeys = [
  "name",
  "description",
  "user-invocable",
  "disable-model-invocation",
  "command-dispatch",
  "command-tool",
  "command-arg-mode",
  "metadata",
  // Of interest to people and registries only.
  "homepage",
  "license",
  "version",
  "author",
];

/** A SKILL.md as a skill of the workspace; undefined, with a note, when it is none. */
export async function readSkillText(
  file: SkillFile,
  path: string,
  host: SkillHost,
  limits: WorkspaceLimits,
  notes: ImportNotes,
): Promise<Skill | undefined> {
  const matter = parseFrontMatter(file.text, limits.frontMatterBytes);
  const unnamed = `skill ${file.folder}`;
  if (matter.type === "absent") {
    const reason =
      "it has no front matter: expected a name and a description between two lines ---";
    notes.leave(unnamed, path, reason, "import_refused");
    return undefined;
  }
  if (matter.type === "broken") {
    notes.leave(unnamed, path, matter.reason, "import_refused");
    return undefined;
  }
  const { fields } = matter;
  const name = text(fields["name"]) ?? file.folder;
  const subject = `skill ${name}`;
  const description = text(fields["description"]);
  const wrong = wrongFields(name, description, fields);
  if (wrong.length > 0 || description === undefined) {
    notes.leave(subject, path, wrong.join("; "), "import_refused");
    return undefined;
  }
  const requirements = await checkRequirements(fields["metadata"], host);
  if (requirements.wrongPlatform) {
    const systems = requirements.wrongPlatform.join(", ");
    notes.leave(subject, path, `it is for ${systems}, and this machine runs ${host.platform}`);
    return undefined;
  }
  if (matter.fault !== undefined) {
    notes.take(
      subject,
      path,
      `its front matter is not YAML, so it was read line by line: ${matter.fault}`,
    );
  }
  leaveUnsupported(subject, path, file, fields, requirements, notes);
  return {
    name,
    description: cutText(description, descriptionChars, "the description"),
    text: matter.body,
    ...(fields["user-invocable"] !== undefined && {
      userInvocable: flag(fields["user-invocable"]) === true,
    }),
    ...(flag(fields["disable-model-invocation"]) && { modelInvocable: false }),
  };
}

function wrongFields(
  name: string,
  description: string | undefined,
  fields: Readonly<Record<string, unknown>>,
): string[] {
  const wrong: string[] = [];
  if (fields["name"] !== undefined && text(fields["name"]) === undefined) {
    wrong.push("its name is not a text");
  }
  if (name.length > nameChars) wrong.push(`its name is over ${nameChars} characters`);
  if (hasControlCharacter(name)) wrong.push("its name holds control characters");
  if (description === undefined) wrong.push("its front matter gives no description");
  if (![name, description ?? ""].every((part) => part.isWellFormed() && !part.includes("\0"))) {
    wrong.push("its name or description holds a NUL character or a lone surrogate");
  }
  for (const key of ["user-invocable", "disable-model-invocation"]) {
    if (fields[key] !== undefined && flag(fields[key]) === undefined) {
      wrong.push(`${key} is neither true nor false`);
    }
  }
  return wrong;
}

function leaveUnsupported(
  subject: string,
  path: string,
  file: SkillFile,
  fields: Readonly<Record<string, unknown>>,
  requirements: { needs: readonly string[]; faults: readonly string[] },
  notes: ImportNotes,
): void {
  if (requirements.needs.length > 0) {
    const needs = requirements.needs.join(", ");
    const reason = `it needs ${needs}; agents have no shell: give them an MCP server that does this`;
    notes.leave(`requirements of ${subject}`, `${path}#metadata.openclaw.requires`, reason);
  }
  for (const fault of requirements.faults) {
    notes.leave(`requirements of ${subject}`, `${path}#metadata`, fault);
  }
  if (fields["command-dispatch"] !== undefined) {
    const reason = "commands go to the model; none is dispatched to a tool directly";
    notes.leave(`command-dispatch of ${subject}`, `${path}#command-dispatch`, reason);
  }
  if (file.beside.length > 0) {
    const names = file.beside.slice(0, 5).join(", ") + (file.beside.length > 5 ? ", ..." : "");
    const reason = `agents read only SKILL.md; not taken over: ${names}`;
    notes.leave(`files of ${subject}`, path.slice(0, -"/SKILL.md".length), reason);
  }
  const unknown = Object.keys(fields).filter((key) => !knownKeys.includes(key));
  if (unknown.length > 0) {
    const shown = unknown.slice(0, 10).map((key) => key.slice(0, 60));
    notes.leave(
      `front matter of ${subject}`,
      path,
      `these keys have no meaning here: ${shown.join(", ")}`,
    );
  }
}

function text(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return undefined;
  return value.trim() === "" ? undefined : value.trim();
}

function flag(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  const word = typeof value === "string" ? value.trim().toLowerCase() : "";
  if (["true", "yes", "on", "1"].includes(word)) return true;
  return ["false", "no", "off", "0"].includes(word) ? false : undefined;
}

function hasControlCharacter(value: string): boolean {
  for (const character of value) if (character < " " || character === "\u007f") return true;
  return false;
}
