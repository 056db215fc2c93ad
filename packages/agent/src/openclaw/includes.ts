import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { type ErrorDetail, HoldfastError } from "@holdfast/core";
import { readConfined } from "../workspace/confined-files.ts";
import type { ImportNotes } from "../workspace/notes.ts";
import { configLimits, parseConfig } from "./parse-config.ts";
import { isObject, type Json } from "./section.ts";

/** `$include`: one file, or several of which later ones win; keys beside it win over both. */
export class Includes {
  private readonly root: string;
  private readonly notes: ImportNotes;
  private readonly errors: ErrorDetail[];
  private count = 0;

  constructor(root: string, notes: ImportNotes, errors: ErrorDetail[]) {
    this.root = root;
    this.notes = notes;
    this.errors = errors;
  }

  async resolve(
    value: Json,
    directory: string,
    path: string,
    chain: readonly string[],
  ): Promise<Json> {
    if (Array.isArray(value)) {
      const entries: Json[] = [];
      for (const [index, entry] of value.entries()) {
        entries.push(await this.resolve(entry, directory, `${path}[${index}]`, chain));
      }
      return entries;
    }
    if (typeof value === "string" && (value.includes("\0") || !value.isWellFormed())) {
      this.errors.push({ path, message: "the text holds a NUL character or a lone surrogate" });
    }
    if (!isObject(value)) return value;
    const own: Record<string, Json> = {};
    for (const [key, entry] of Object.entries(value)) {
      if (key === "$include") continue;
      const at = path === "" ? key : `${path}.${key}`;
      if (key === "__proto__") {
        this.errors.push({ path: at, message: "this key is not allowed" });
        continue;
      }
      own[key] = await this.resolve(entry, directory, at, chain);
    }
    const include = value["$include"];
    if (include === undefined) return own;
    const at = path === "" ? "$include" : `${path}.$include`;
    const files = typeof include === "string" ? [include] : include;
    if (!Array.isArray(files) || !files.every((file) => typeof file === "string")) {
      this.errors.push({ path: at, message: "expected a path or a list of paths" });
      return own;
    }
    let merged: Json | undefined;
    for (const file of files) {
      const found = await this.include(file, directory, at, chain);
      if (found === undefined) return own;
      merged = merged === undefined ? found : merge(merged, found);
    }
    return merged === undefined || Object.keys(own).length > 0 ? merge(merged ?? {}, own) : merged;
  }

  private async include(
    file: string,
    directory: string,
    at: string,
    chain: readonly string[],
  ): Promise<Json | undefined> {
    const fail = (message: string) => {
      this.errors.push({ path: at, message: `${JSON.stringify(file.slice(0, 200))} ${message}` });
      return undefined;
    };
    if (file === "" || file.length >= 4096 || file.includes("\0")) return fail("is not a path");
    const target = await realpath(resolve(directory, file)).catch(() => resolve(directory, file));
    const below = relative(this.root, target);
    if (below.startsWith("..") || isAbsolute(below)) return fail("leads out of the folder");
    if (chain.includes(target)) return fail("includes itself");
    if (chain.length >= configLimits.includeDepth) {
      return fail(`is nested deeper than ${configLimits.includeDepth} includes`);
    }
    if (++this.count > configLimits.includes) {
      return fail(`is one include too many; the limit is ${configLimits.includes}`);
    }
    const reading = await readConfined(this.root, below, configLimits.fileBytes);
    if (reading.type === "absent") return fail("does not exist");
    if (reading.type === "refused") return fail(`was refused: ${reading.reason}`);
    let value: Json;
    try {
      value = parseConfig(reading.text, below);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.errors.push(
        ...(error.details.length > 0 ? error.details : [{ path: below, message: error.message }]),
      );
      return undefined;
    }
    this.notes.take(`included file ${below}`, at, "its content stands in the place of the include");
    return this.resolve(value, dirname(target), at.replace(/\.?\$include$/, ""), [
      ...chain,
      target,
    ]);
  }
}

function merge(first: Json, second: Json): Json {
  if (!isObject(first) || !isObject(second)) return second;
  const merged: Record<string, Json> = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = before === undefined ? value : merge(before, value);
  }
  return merged;
}
