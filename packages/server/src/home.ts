import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError, namePattern, type NodeId } from "@holdfast/core";
import { systemRandom } from "./system-random.ts";

/** Raised when the layout of the data folder changes so that older versions would misread it. */
const format = 1;

export interface Home {
  readonly path: string;
  readonly node: NodeId;
  /** The admin token that stands in the folder, if any. */
  readonly adminToken: string | undefined;
  writeAdminToken(token: string): void;
  release(): void;
}

/**
 * Opens the data folder for this process alone. As long as it is no member's it belongs to the node of the
 * wanted name. Errors: `home_in_use`, `home_unusable`, `home_too_new`, `invalid_configuration` for another name
 * than the member has.
 */
export function openHome(path: string, wantedName?: string): Home {
  try {
    makeFolder(path);
  } catch (cause) {
    throw unusable(path, cause);
  }
  const lock = takeLock(path);
  try {
    const node = readNode(path, wantedName);
    const tokenPath = join(path, "admin-token");
    return {
      path,
      node,
      adminToken: readIfThere(tokenPath)?.trim() || undefined,
      writeAdminToken: (token) => writeWhole(tokenPath, `${token}\n`),
      release: () => lock.close(),
    };
  } catch (thrown) {
    lock.close();
    throw thrown instanceof HoldfastError ? thrown : unusable(path, thrown);
  }
}

/** As `mkdir -p`. Node's own never ends where a file system refuses new folders with ENOENT, as /proc does. */
export function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  mkdirSync(path, { mode: 0o700 });
}

/** A database lock is held by the kernel: it ends with the process, however that ends. */
function takeLock(path: string): DatabaseSync {
  let lock: DatabaseSync;
  try {
    lock = new DatabaseSync(join(path, "node.lock"), { timeout: 0 });
  } catch (cause) {
    throw unusable(path, cause);
  }
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock.close();
    if (/locked|busy/i.test(String(cause))) {
      throw new HoldfastError("home_in_use", `Another node runs on ${path}.`, { cause });
    }
    throw unusable(path, cause);
  }
}

interface NodeFile {
  readonly format: number;
  readonly node: string;
}

function readNode(path: string, wantedName: string | undefined): NodeId {
  const file = join(path, "node.json");
  const text = readIfThere(file);
  if (text === undefined) return nameNode(file, wantedName ?? `n-${systemRandom.token(10)}`);
  const found = parseNode(text);
  if (!found) {
    const expected = `expected {"format": ${format}, "node": "NAME"}, as Holdfast wrote it`;
    throw new HoldfastError("data_corrupt", `${file} cannot be read: ${expected}.`);
  }
  if (found.format > format) {
    throw new HoldfastError(
      "home_too_new",
      `${path} has format ${found.format}, written by a newer version; this version reads ${format}.`,
    );
  }
  if (wantedName !== undefined && wantedName !== found.node) {
    // A join under a name that was taken must not bind the folder to it, nor the next one to its keys.
    if (!isMember(path)) {
      rmSync(join(path, "join.json"), { force: true });
      return nameNode(file, wantedName);
    }
    const problem = `${path} belongs to node ${found.node}, not ${wantedName}: a node keeps its name.`;
    throw new HoldfastError("invalid_configuration", problem);
  }
  return found.node as NodeId;
}

function nameNode(file: string, node: string): NodeId {
  if (!namePattern.test(node)) {
    const problem = `${JSON.stringify(node.slice(0, 80))} is no name of a node: expected 1 to 63 characters of a-z 0-9 -.`;
    throw new HoldfastError("invalid_configuration", problem);
  }
  const made: NodeFile = { format, node };
  writeWhole(file, `${JSON.stringify(made)}\n`);
  return made.node as NodeId;
}

/** Of a cluster, or of itself in the times before there were clusters. */
function isMember(path: string): boolean {
  return existsSync(join(path, "cluster.json")) || existsSync(join(path, "engine", "data"));
}

function parseNode(text: string): NodeFile | undefined {
  try {
    const value = JSON.parse(text) as Partial<NodeFile>;
    if (typeof value.format !== "number") return undefined;
    // What a newer version names its nodes is not known here.
    const isNamed = typeof value.node === "string" && namePattern.test(value.node);
    const isWhole = value.format > format || isNamed;
    return isWhole ? (value as NodeFile) : undefined;
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

function unusable(path: string, cause: unknown): HoldfastError {
  const { code } = cause as NodeJS.ErrnoException;
  const isFile = code === "EEXIST" || code === "ENOTDIR";
  const said = cause instanceof Error ? cause.message : String(cause);
  if (/ENOSPC|disk is full/.test(said)) {
    return new HoldfastError("storage_full", `The disk of ${path} is full.`, { cause });
  }
  const reason = isFile ? "a file stands there; expected a folder" : said;
  return new HoldfastError("home_unusable", `${path} cannot be used: ${reason}`, { cause });
}
