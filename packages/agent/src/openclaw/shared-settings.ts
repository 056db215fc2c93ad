import { resolve } from "node:path";
import { homedir } from "node:os";
import { isObject, type Json, type JsonObject, type Section } from "./section.ts";

/** `secrets.providers` of the kind file with one whole value each: alias -> path. */
export function readSecretFiles(
  secrets: Section | undefined,
  directory: string,
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const providers = secrets?.section("providers");
  for (const alias of providers?.keys() ?? []) {
    const entry = providers?.section(alias);
    const source = entry?.string("source");
    const mode = entry?.string("mode");
    const path = entry?.string("path");
    const subject = `secret provider ${alias}`;
    if (entry && source === "file" && mode === "singleValue" && path) {
      const real = path.startsWith("~/")
        ? resolve(homedir(), path.slice(2))
        : resolve(directory, path);
      files.set(alias, real);
      entry.take("path", subject, `secrets are read from ${real} when they are needed`);
    } else if (entry && source === "env") {
      entry.take("source", subject, "secrets are read from the environment when they are needed");
    } else {
      entry?.leave(
        "source",
        subject,
        "secrets come from the environment or from a file with one value",
      );
    }
    entry?.rest(subject, () => "it has no counterpart here");
  }
  secrets?.rest("secrets", () => "secrets come from the environment or from a file with one value");
  return files;
}

/** `skills`: the names of skills that are switched off. */
export function readSkillSettings(skills: Section | undefined): ReadonlySet<string> {
  const disabled = new Set<string>();
  const entries = skills?.section("entries");
  for (const name of entries?.keys() ?? []) {
    const entry = entries?.section(name);
    if (entry?.boolean("enabled") === false) {
      disabled.add(name);
      entry.take("enabled", `skill ${name}`, "switched off, so it is not imported");
    } else if (entry?.has("enabled")) {
      entry.take("enabled", `skill ${name}`, "switched on");
    }
    entry?.rest(
      `skill ${name}`,
      () => "settings of skills are not taken over: set environment variables",
    );
  }
  skills?.rest("skills", () => "only skills in workspaces and in the folder skills are read");
  return disabled;
}

/** Whether `a.b.c` of the configuration holds something truthy. */
export function isTruthyAt(config: JsonObject, path: string): boolean {
  let value: Json | undefined = config;
  for (const key of path.split(".")) {
    value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return Boolean(value);
}
