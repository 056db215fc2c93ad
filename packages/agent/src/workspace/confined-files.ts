import { constants } from "node:fs";
import { type FileHandle, lstat, open, opendir, readlink, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { type ErrorCode, HoldfastError } from "@holdfast/core";

/** Reading below one folder and never outside it, whatever links stand in it or are put there meanwhile. */
export type Reading =
  | { readonly type: "text"; readonly text: string; readonly bytes: number }
  | { readonly type: "absent" }
  | { readonly type: "refused"; readonly code: ErrorCode; readonly reason: string };

export interface Listing {
  readonly names: readonly string[];
  /** More entries stand there than were read. */
  readonly more: boolean;
}

/** The real path of a folder. Errors: `file_unreadable`. */
export async function confine(directory: string): Promise<string> {
  try {
    const root = await realpath(directory);
    if ((await lstat(root)).isDirectory()) return root;
  } catch (error) {
    throw new HoldfastError(
      "file_unreadable",
      `${directory} cannot be read: ${systemCode(error)}.`,
    );
  }
  throw new HoldfastError("file_unreadable", `${directory} is not a directory.`);
}

/** The whole text of a regular file of at most `maxBytes`, in UTF-8. `root` comes from `confine`. */
export async function readConfined(root: string, path: string, maxBytes: number): Promise<Reading> {
  const real = await resolveConfined(root, path);
  if (typeof real !== "string") return real;
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    // What was opened is asked again: a directory on the way may have become a link in between.
    if (!(await isInside(root, real, file))) return leadsOut;
    const status = await file.stat();
    if (!status.isFile()) return refused("import_refused", "it is not a regular file");
    if (status.size > maxBytes) return tooLarge(status.size, maxBytes);
    return decode(await readUpTo(file, maxBytes + 1), maxBytes);
  } catch (error) {
    return failed(error);
  } finally {
    await file?.close();
  }
}

/** At most `maxEntries` names of a directory, sorted; undefined when there is none. */
export async function listConfined(
  root: string,
  path: string,
  maxEntries: number,
): Promise<Listing | Exclude<Reading, { type: "text" }>> {
  const real = await resolveConfined(root, path);
  if (typeof real !== "string") return real;
  const names: string[] = [];
  let more = false;
  try {
    for await (const entry of await opendir(real)) {
      if (names.length >= maxEntries) {
        more = true;
        break;
      }
      names.push(entry.name);
    }
  } catch (error) {
    return failed(error);
  }
  return { names: names.toSorted(), more };
}

/** Where a path below `root` really is, or why it may not be followed. */
export async function resolveConfined(
  root: string,
  path: string,
): Promise<string | Exclude<Reading, { type: "text" }>> {
  try {
    const real = await realpath(join(root, path));
    return contains(root, real) ? real : leadsOut;
  } catch (error) {
    return failed(error);
  }
}

const leadsOut = refused("import_refused", "a symbolic link leads out of the folder");

function refused(code: ErrorCode, reason: string) {
  return { type: "refused", code, reason } as const;
}

function tooLarge(bytes: number, maxBytes: number) {
  return refused("payload_too_large", `it has ${bytes} bytes; the limit is ${maxBytes}`);
}

function failed(error: unknown): Exclude<Reading, { type: "text" }> {
  const code = systemCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return { type: "absent" };
  if (code === "ELOOP") return refused("import_refused", "its symbolic links lead in a circle");
  return refused("file_unreadable", `it cannot be read (${code})`);
}

/** The code of an error of the operating system, as ENOENT; anything else is thrown on. */
export function systemCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string")
    return error.code;
  throw error;
}

function contains(root: string, real: string): boolean {
  const way = relative(root, real);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !way.startsWith(sep));
}

async function isInside(root: string, real: string, file: FileHandle): Promise<boolean> {
  if (process.platform === "linux")
    return contains(root, await readlink(`/proc/self/fd/${file.fd}`));
  const [opened, named, again] = await Promise.all([file.stat(), lstat(real), realpath(real)]);
  return again === real && opened.ino === named.ino && opened.dev === named.dev;
}

async function readUpTo(file: FileHandle, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < maxBytes) {
    const size = Math.min(64 * 1024, maxBytes - length);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, maxBytes: number): Reading {
  if (bytes.length > maxBytes) return tooLarge(bytes.length, maxBytes);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (text.includes("\0")) return refused("invalid_text", "it holds NUL characters");
    return { type: "text", text: text.replaceAll("\r\n", "\n"), bytes: bytes.length };
  } catch {
    return refused("invalid_text", "it is not UTF-8 text");
  }
}
