import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killHard } from "./node-process.ts";

/** The temporary folder of a run, and the processes that must not outlive it. */
export class Workshop implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  readonly #stops: (() => Promise<void>)[] = [];
  readonly #pids = new Set<number>();
  #homes = 0;

  constructor() {
    process.once("exit", this.#remove);
  }

  /** A new, empty data folder. */
  home(): string {
    this.#homes += 1;
    return join(this.#folder, `home-${this.#homes}`);
  }

  /** Stops it at the end, whatever happens; stopping twice must do no harm. */
  use<T extends { stop(): Promise<void> }>(thing: T): T {
    this.#stops.push(() => thing.stop());
    return thing;
  }

  /** Kills these at the end, should they still run: a killed node leaves its engine behind. */
  watch(pids: readonly number[]): void {
    for (const pid of pids) this.#pids.add(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) {
      await stop().catch((thrown: unknown) => console.error(String(thrown)));
    }
    for (const pid of this.#pids) killHard(pid);
    this.#remove();
    process.off("exit", this.#remove);
  }

  /** A bench that is interrupted leaves nothing behind either. */
  readonly #remove = () => rmSync(this.#folder, { recursive: true, force: true });
}
