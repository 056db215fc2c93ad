import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, relative, resolve } from "node:path";
import { type ErrorDetail, HoldfastError } from "@holdfast/core";
import JSON5 from "json5";
import { confine, readConfined } from "../workspace/confined-files.ts";
import type { ImportNotes } from "../workspace/notes.ts";
import { isObject, type Json, type JsonObject } from "./section.ts";

export const configLimits = {
  fileBytes: 4 * 1024 * 1024,
  includeDepth: 10,
  includes: 100,
  nesting: 64,
} as const;

const configName = "openclaw.json";

export interface LoadedConfig {
  /** The folder of openclaw.json. */
  readonly directory: string;
  /** Undefined for a bare workspace. */
  readonly config: JsonObject | undefined;
}

/**
 * Finds and parses openclaw.json: `path` is the file, its folder, or a workspace without one. Included
 * files are merged in. Errors: `file_unreadable`, `import_refused` with line and column.
 */
export async function loadConfig(path: string, notes: ImportNotes): Promise<LoadedConfig> {
  const status = await stat(path).catch((error: unknown) => {
    throw new HoldfastError("file_unreadable", `${path} cannot be read.`, { cause: error });
  });
  const file = status.isDirectory() ? resolve(path, configName) : resolve(path);
  const directory = dirname(file);
  const text = await readConfig(file, status.isDirectory());
  if (text === undefined) return { directory, config: undefined };
  const root = parse(text, basename(file));
  const errors: ErrorDetail[] = [];
  const loader = new Includes(await confine(directory), notes, errors);
  const config = await loader.resolve(root, directory, "", []);
  if (errors.length > 0) refuse(errors);
  if (!isObject(config)) refuse([{ path: configName, message: "expected an object" }]);
  return { directory, config };
}

/** One error that lists all that is wrong. */
export function refuse(found: readonly ErrorDetail[]): never {
  const byText = new Map(found.map((error) => [`${error.path}\n${error.message}`, error]));
  const errors = [...byText.values()];
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new HoldfastError(
    "import_refused",
    `The OpenClaw configuration cannot be imported: ${first?.path}: ${first?.message}${more}.`,
    { details: errors },
  );
}

async function readConfig(file: string, mayBeAbsent: boolean): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    const status = await stat(file);
    if (!status.isFile()) throw new HoldfastError("file_unreadable", `${file} is not a file.`);
    if (status.size > configLimits.fileBytes) {
      const limit = `${configLimits.fileBytes} bytes`;
      throw new HoldfastError("import_refused", `${file} is over the limit of ${limit}.`);
    }
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    if (mayBeAbsent && (error as { code?: string }).code === "ENOENT") return undefined;
    throw new HoldfastError("file_unreadable", `${file} cannot be read.`, { cause: error });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HoldfastError("import_refused", `${file} is not UTF-8 text.`, { cause: error });
  }
}

function parse(text: string, name: string): Json {
  try {
    const value: Json = JSON5.parse(text);
    checkNesting(value);
    return value;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    const fault = error as { message: string; lineNumber?: number; columnNumber?: number };
    const what = fault.message.replace(/^JSON5: /, "").replace(/ at \d+:\d+$/, "");
    const line = fault.lineNumber ?? 1;
    const message = `is not JSON5: ${what} at line ${line}, column ${fault.columnNumber ?? 1}`;
    // No cause: the text around the place may be a secret.
    throw new HoldfastError("import_refused", `${name} ${message}.`, {
      details: [{ path: name, message, line }],
    });
  }
}

function checkNesting(root: Json): void {
  let level: readonly Json[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > configLimits.nesting) {
      const reason = `is nested deeper than ${configLimits.nesting} levels`;
      throw new HoldfastError("import_refused", `The OpenClaw configuration ${reason}.`);
    }
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values<Json>(value as JsonObject) : [],
    );
  }
}

/** `$include`: one file, or several of which later ones win; keys beside it win over both. */
class Includes {
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
      value = parse(reading.text, below);
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
