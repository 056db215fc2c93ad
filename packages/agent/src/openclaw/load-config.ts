import { readFile, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { type ErrorDetail, HoldfastError } from "@holdfast/core";
import { confine, systemCode } from "../workspace/confined-files.ts";
import type { ImportNotes } from "../workspace/notes.ts";
import { Includes } from "./includes.ts";
import { configLimits, parseConfig, refuse } from "./parse-config.ts";
import { isObject, type JsonObject } from "./section.ts";

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
  const root = parseConfig(text, basename(file));
  const errors: ErrorDetail[] = [];
  const loader = new Includes(await confine(directory), notes, errors);
  const config = await loader.resolve(root, directory, "", []);
  if (errors.length > 0) refuse(errors);
  if (!isObject(config)) refuse([{ path: configName, message: "expected an object" }]);
  return { directory, config };
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
    if (mayBeAbsent && systemCode(error) === "ENOENT") return undefined;
    throw new HoldfastError("file_unreadable", `${file} cannot be read.`, { cause: error });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HoldfastError("import_refused", `${file} is not UTF-8 text.`, { cause: error });
  }
}
