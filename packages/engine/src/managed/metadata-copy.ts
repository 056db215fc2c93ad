import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** What the metadata's Raft log cannot do without; the index of its messages is made anew. */
const required = [/^meta\.inf$/, /^tav\.idx$/, /^msgs\/\d+\.blk$/];
const snapshot = /^snapshots\//m;
const derived = /^msgs\/index\.db$|\.tmp$/;

/**
 * A second name for each file of the cluster's metadata. A nats-server whose disk is full deletes its
 * metadata ("JetStream out of resources, will be DISABLED"); when a majority did, the next start finds
 * no stream in the metadata, and removes the streams' data as orphaned. Hard links need no space, and what is
 * appended to a file shows under both names.
 */
export class MetadataCopy {
  readonly #metadata: string;
  readonly #store: string;
  readonly #copy: string;
  #known = "";

  /** `storePath`: the server's store folder; the copy stands beside it. */
  constructor(storePath: string) {
    this.#store = join(storePath, "jetstream");
    this.#metadata = join(this.#store, "SYS", "_js_", "_meta_");
    this.#copy = `${storePath}.metadata`;
  }

  /** Takes in files that came or were replaced. What is half deleted is left out. Errors: those of the disk. */
  refresh(): void {
    const files = filesOf(this.#metadata);
    const listed = describe(files);
    if (listed === this.#known || !isWhole(files)) return;
    if (snapshot.test(this.#known) && !snapshot.test(listed)) return;
    const next = `${this.#copy}.new`;
    linkAll(this.#metadata, files, next);
    // Files may have come and gone meanwhile: the next look takes them.
    if (describe(filesOf(this.#metadata)) !== listed) return;
    rmSync(this.#copy, { recursive: true, force: true });
    renameSync(next, this.#copy);
    this.#known = listed;
  }

  /** Before the server starts: puts metadata back that it deleted itself. Errors: those of the disk. */
  restore(): boolean {
    this.#known = "";
    const next = `${this.#copy}.new`;
    // The end between two steps of `refresh`.
    if (!existsSync(this.#copy) && isWhole(filesOf(next))) renameSync(next, this.#copy);
    if (!existsSync(this.#store) || existsSync(join(this.#metadata, "meta.inf"))) return false;
    const files = filesOf(this.#copy);
    if (!isWhole(files)) return false;
    linkAll(this.#copy, files, next);
    rmSync(this.#metadata, { recursive: true, force: true });
    mkdirSync(dirname(this.#metadata), { recursive: true, mode: 0o750 });
    renameSync(next, this.#metadata);
    return true;
  }
}

/** Files by their paths inside the folder, with what identifies them. */
type Files = ReadonlyMap<string, number>;

function filesOf(folder: string): Files {
  const files = new Map<string, number>();
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const inside = path.slice(folder.length + 1);
      if (!derived.test(inside)) files.set(inside, statSync(path).ino);
    }
  } catch (thrown) {
    // It is being deleted, or is not there yet.
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
    return new Map();
  }
  return files;
}

function isWhole(files: Files): boolean {
  return required.every((pattern) => [...files.keys()].some((path) => pattern.test(path)));
}

function describe(files: Files): string {
  return [...files]
    .map(([path, inode]) => `${path} ${inode}`)
    .sort()
    .join("\n");
}

function linkAll(from: string, files: Files, to: string): void {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const path of files.keys()) {
    mkdirSync(dirname(join(to, path)), { recursive: true, mode: 0o700 });
    linkSync(join(from, path), join(to, path));
  }
}
