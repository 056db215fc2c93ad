import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file system in memory of a fixed size, which can be filled to its last byte. Mounting needs root. */
export class SmallDisk {
  readonly path: string;

  constructor(path: string, mebibytes: number) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=0700`, "tmpfs", path]);
  }

  fill(): void {
    const { bavail, bsize } = statfsSync(this.path);
    try {
      writeFileSync(this.#filler, Buffer.alloc(bavail * bsize + 1_048_576));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown;
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  remove(): void {
    execFileSync("umount", ["-l", this.path]);
  }

  get #filler(): string {
    return join(this.path, "filler");
  }
}
