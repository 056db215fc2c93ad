import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import JSON5 from "json5";

/** What a skill's requirements are checked against. */
export interface SkillHost {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a path of openclaw.json holds something truthy. */
  readonly config: (path: string) => boolean;
}

export interface SkillRequirements {
  /** The skill is for other operating systems only. */
  readonly wrongPlatform: readonly string[] | undefined;
  /** Sentences about what the skill needs and whether it is here. */
  readonly needs: readonly string[];
  /** Sentences about metadata that cannot be understood. */
  readonly faults: readonly string[];
}

const maxNames = 50;

/** Reads `metadata.openclaw` (or the older `metadata.clawdbot`) of a skill's front matter. */
export async function checkRequirements(
  metadata: unknown,
  host: SkillHost,
): Promise<SkillRequirements> {
  const faults: string[] = [];
  const block = openclawBlock(metadata, faults);
  const requires = object(block["requires"], "metadata.openclaw.requires", faults);
  const names = (value: unknown, path: string) => strings(value, path, faults);
  const systems = names(block["os"] ?? requires["os"], "metadata.openclaw.os");
  const needs: string[] = [];

  const missing: string[] = [];
  const bins = names(requires["bins"], "metadata.openclaw.requires.bins");
  for (const bin of bins) if (!(await isOnPath(bin, host))) missing.push(bin);
  if (bins.length > 0) needs.push(programs("the programs", bins, missing));

  const anyBins = names(requires["anyBins"], "metadata.openclaw.requires.anyBins");
  if (anyBins.length > 0) {
    let found = false;
    for (const bin of anyBins) found ||= await isOnPath(bin, host);
    needs.push(programs("one of the programs", anyBins, found ? [] : anyBins));
  }
  for (const name of names(requires["env"], "metadata.openclaw.requires.env")) {
    needs.push(`the environment variable ${name} (${host.env[name] ? "set" : "not set"} here)`);
  }
  for (const path of names(requires["config"], "metadata.openclaw.requires.config")) {
    needs.push(`the OpenClaw setting ${path} (${host.config(path) ? "on" : "not on"})`);
  }
  for (const key of Object.keys(requires)) {
    if (!["bins", "anyBins", "env", "config", "os"].includes(key)) {
      faults.push(`metadata.openclaw.requires.${key} is not known`);
    }
  }
  const wrong = systems.length > 0 && !systems.includes(host.platform);
  return { wrongPlatform: wrong ? systems : undefined, needs, faults };
}

function openclawBlock(metadata: unknown, faults: string[]): Record<string, unknown> {
  let value = metadata;
  if (typeof value === "string") {
    try {
      value = JSON5.parse(value);
    } catch {
      faults.push("metadata is neither a mapping nor JSON");
      return {};
    }
  }
  const all = object(value, "metadata", faults);
  return object(all["openclaw"] ?? all["clawdbot"], "metadata.openclaw", faults);
}

function object(value: unknown, path: string, faults: string[]): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return { ...value };
  faults.push(`${path} is not a mapping`);
  return {};
}

function strings(value: unknown, path: string, faults: string[]): string[] {
  if (value === undefined || value === null) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const found = list.filter((entry) => typeof entry === "string").filter((entry) => entry !== "");
  if (found.length < list.length) faults.push(`${path} is not a list of names`);
  return found.slice(0, maxNames);
}

function programs(what: string, names: readonly string[], missing: readonly string[]): string {
  const state = missing.length === 0 ? "found here" : `not found here: ${missing.join(", ")}`;
  return `${what} ${names.join(", ")} (${state})`;
}

async function isOnPath(name: string, host: SkillHost): Promise<boolean> {
  if (!/^[\w.+-]{1,100}$/.test(name)) return false;
  for (const directory of (host.env["PATH"] ?? "").split(delimiter)) {
    if (directory === "") continue;
    try {
      await access(join(directory, name), constants.X_OK);
      return true;
    } catch {
      // Not in this directory: the next one may have it.
    }
  }
  return false;
}
