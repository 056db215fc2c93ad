import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/core";

/** Replaces a file as a whole, also across a power cut. Errors: `storage_full`, `home_unusable`. */
export function writeWhole(file: string, text: string): void {
  try {
    writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
    flushFolder(dirname(file));
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/** Undefined when it is not there. Errors: `home_unusable`. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new HoldfastError("home_unusable", `${file} cannot be read: ${said(cause)}`, { cause });
  }
}

/** Removes a file for good; one that is not there is no error. Errors: `home_unusable`. */
export function removeFile(file: string): void {
  try {
    rmSync(file, { force: true });
    flushFolder(dirname(file));
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/** A rename or a removal is on disk when its folder is. */
function flushFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function unwritable(file: string, cause: unknown): HoldfastError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new HoldfastError("storage_full", `The disk of ${file} is full.`, { cause });
  }
  return new HoldfastError("home_unusable", `${file} cannot be written: ${said(cause)}`, { cause });
}

function said(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
