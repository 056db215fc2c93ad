import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where Debian's package `faketime` puts it. */
const library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

export function canFakeTime(): boolean {
  return existsSync(library);
}

/**
 * A wall clock of its own for the processes of one node; the monotonic clock stays true. The nats-server is
 * linked statically and keeps the machine's clock: only the node's own idea of time jumps.
 */
export class WallClock {
  readonly #file: string;

  constructor(folder: string, name: string) {
    this.#file = join(folder, `${name}.clock`);
    this.jump(0);
  }

  get env(): Record<string, string> {
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: "1",
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_RESET: "1",
    };
  }

  /** From the true time, in seconds; seen within a second. */
  jump(seconds: number): void {
    writeFileSync(`${this.#file}.new`, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
