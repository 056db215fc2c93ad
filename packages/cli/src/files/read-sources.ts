import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { HoldfastError } from "@holdfast/core";
import { commandLimits } from "../limits.ts";

/** One file's name, as it stands in errors, and its text. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

export type Input = AsyncIterable<Uint8Array | string>;

/**
 * The files that `-f` names: a file, `-` for the standard input, or a folder's *.yaml, *.yml and *.json
 * in order of name, without its subfolders. Errors: `file_unreadable`, `payload_too_large`.
 */
export async function readSources(
  names: readonly string[],
  stdin: Input,
): Promise<readonly Source[]> {
  const sources: Source[] = [];
  for (const name of names) {
    const files = name === "-" ? ["-"] : await filesOf(name);
    for (const file of files) {
      if (sources.length >= commandLimits.resourceFiles) throw tooManyFiles();
      const bytes = file === "-" ? await readInput(stdin) : await readOne(file);
      sources.push({ file: file === "-" ? "(stdin)" : file, text: decode(bytes, file) });
    }
  }
  return sources;
}

/** A text from a file or, for `-`, the standard input. Errors as for `readSources`. */
export async function readText(file: string, stdin: Input): Promise<string> {
  return decode(file === "-" ? await readInput(stdin) : await readOne(file), file);
}

async function filesOf(name: string): Promise<string[]> {
  const found = await stat(name).catch((cause: unknown) => {
    throw unreadable(name, cause);
  });
  if (!found.isDirectory()) return [name];
  const entries = await readdir(name).catch((cause: unknown) => {
    throw unreadable(name, cause);
  });
  const files = entries.filter((entry) => /^[^.].*\.(ya?ml|json)$/.test(entry)).sort();
  if (files.length === 0) {
    throw new HoldfastError("file_unreadable", `${name} holds no *.yaml, *.yml or *.json file.`);
  }
  return files.map((entry) => path.join(name, entry));
}

async function readOne(file: string): Promise<Uint8Array> {
  try {
    if ((await stat(file)).size > commandLimits.resourceFileBytes) throw tooLarge(file);
    return await readFile(file);
  } catch (thrown) {
    throw thrown instanceof HoldfastError ? thrown : unreadable(file, thrown);
  }
}

async function readInput(stdin: Input): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stdin) {
    const buffer = Buffer.from(piece);
    bytes += buffer.length;
    if (bytes > commandLimits.resourceFileBytes) throw tooLarge("the standard input");
    pieces.push(buffer);
  }
  return Buffer.concat(pieces);
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HoldfastError("file_unreadable", `${file} is no UTF-8 text.`, { cause });
  }
}

function unreadable(file: string, cause: unknown): HoldfastError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const reasons: Record<string, string> = {
    ENOENT: "it does not exist",
    EACCES: "you may not read it",
    EISDIR: "it is a folder",
  };
  const reason = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new HoldfastError("file_unreadable", `${file} cannot be read: ${reason}.`, { cause });
}

function tooLarge(file: string): HoldfastError {
  const limit = commandLimits.resourceFileBytes;
  return new HoldfastError("payload_too_large", `${file} is over ${limit} bytes.`);
}

function tooManyFiles(): HoldfastError {
  const limit = commandLimits.resourceFiles;
  return new HoldfastError("payload_too_large", `More than ${limit} files are given.`);
}
