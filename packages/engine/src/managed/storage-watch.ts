import { openSync, readSync, closeSync, fstatSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { HoldfastError, limits } from "@holdfast/core";

export interface StorageWatchOptions {
  /** Folder on the file system that holds the data. */
  readonly folder: string;
  /** What the engine writes about itself. */
  readonly logPath: string;
  /** Called at each look, as long as no write failed. */
  readonly onSound: () => void;
  /** There is space again, and a write failed for want of it meanwhile: nats-servers need a new start. */
  readonly onRecovered: () => void;
  readonly report: (error: HoldfastError, where: string) => void;
}

/**
 * Looks after the free space of the engine's disk. Writes are refused while little is left, because a
 * nats-server whose write failed for want of space refuses that stream until it is started again.
 */
export class StorageWatch {
  readonly #options: StorageWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #full: HoldfastError | undefined;
  #failed = false;
  #logRead: number;
  #looking = false;

  constructor(options: StorageWatchOptions) {
    this.#options = options;
    this.#logRead = readFrom(options.logPath, 0).end;
    this.#timer = setInterval(() => void this.#look(), limits.storageCheckMs);
    this.#timer.unref();
    void this.#look();
  }

  /** Why nothing may be written now; undefined when it may. */
  readonly refusal = (): HoldfastError | undefined => this.#full;

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { bavail, bsize } = await statfs(this.#options.folder);
      this.#judge(bavail * bsize);
    } catch (cause) {
      const problem = `The free space of ${this.#options.folder} cannot be read.`;
      this.#options.report(new HoldfastError("home_unusable", problem, { cause }), "engine");
    } finally {
      this.#looking = false;
    }
  }

  #judge(freeBytes: number): void {
    const { folder, logPath, onRecovered, onSound, report } = this.#options;
    const { text, end } = readFrom(logPath, this.#logRead);
    this.#logRead = end;
    if (/no space left on device/i.test(text)) this.#failed = true;
    const enough = limits.storageReserveBytes * (this.#full ? 1.25 : 1);
    if (freeBytes < enough) {
      // The log stands on the same disk: it may not have room to tell.
      if (freeBytes < limits.enginePayloadBytes) this.#failed = true;
      if (!this.#failed) onSound();
      if (this.#full) return;
      this.#full = new HoldfastError(
        "storage_full",
        `The disk of ${folder} has less than ${limits.storageReserveBytes} bytes left.`,
        { retryAfterMs: 5_000 },
      );
      report(this.#full, "engine");
      return;
    }
    this.#full = undefined;
    if (!this.#failed) return onSound();
    this.#failed = false;
    onRecovered();
  }
}

/** What a log holds from a place on, the newest part of it where that is much. */
function readFrom(file: string, from: number): { readonly text: string; readonly end: number } {
  let handle: number | undefined;
  try {
    handle = openSync(file, "r");
    const { size } = fstatSync(handle);
    // A shorter file is a new one.
    const start = Math.max(size < from ? 0 : from, size - limits.engineLogReadBytes);
    const bytes = Buffer.alloc(size - start);
    const read = readSync(handle, bytes, 0, bytes.length, start);
    return { text: bytes.toString("utf8", 0, read), end: start + read };
  } catch {
    // nats-server changes its log's file at a certain size: the next look finds the new one.
    return { text: "", end: 0 };
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
