import { mkdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";

/** Files that get the same bytes, each flushed to disk; what comes while they are flushed shares the next one. */
export class SyncedFiles {
  readonly #files: Promise<readonly FileHandle[]>;
  #waiting: { readonly bytes: Uint8Array; readonly done: PromiseWithResolvers<void> }[] = [];
  #flushing: Promise<void> | undefined;

  constructor(folder: string, count: number) {
    mkdirSync(folder, { recursive: true });
    const names = Array.from({ length: count }, (_, index) => join(folder, `log-${index}`));
    this.#files = Promise.all(names.map((name) => open(name, "a")));
  }

  /** Resolves when the bytes are on disk in all files. */
  append(bytes: Uint8Array): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, done });
    this.#flushing ??= this.#flush();
    return done.promise;
  }

  async close(): Promise<void> {
    await this.#flushing;
    for (const file of await this.#files) await file.close();
  }

  async #flush(): Promise<void> {
    const files = await this.#files;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const bytes = Buffer.concat(batch.map((each) => each.bytes));
        await Promise.all(files.map((file) => file.write(bytes).then(() => file.datasync())));
        for (const { done } of batch) done.resolve();
      } catch (thrown) {
        for (const { done } of batch) done.reject(thrown);
      }
    }
    this.#flushing = undefined;
  }
}
