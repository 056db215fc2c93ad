import { type Engine, invariant, toHoldfastError } from "@holdfast/core";
import { pause } from "../supervisor.ts";

const retryMs = 20;

/**
 * Appends to logs without a pause, each append until it is acknowledged, as the commit queue does. An
 * append without an answer is repeated: a number may then stand twice.
 */
export class Load {
  readonly #engine: Engine;
  readonly #logs: readonly string[];
  /** Where this load begins in each log. */
  readonly #from: ReadonlyMap<string, number>;
  readonly #written = new Map<string, number>();
  readonly #failures: Record<string, number> = {};
  readonly #writers: Promise<void>[];
  #longestGapMs = 0;
  #stopped = false;

  private constructor(engine: Engine, logs: readonly string[], from: ReadonlyMap<string, number>) {
    this.#engine = engine;
    this.#logs = logs;
    this.#from = from;
    this.#writers = logs.map((log) => this.#write(log));
  }

  static async start(engine: Engine, logs: readonly string[]): Promise<Load> {
    const from = new Map<string, number>();
    for (const log of logs) from.set(log, (await engine.messageLog.bounds(log)).last + 1);
    return new Load(engine, logs, from);
  }

  /** The longest gap since the last call. */
  takeGap(): number {
    const gap = this.#longestGapMs;
    this.#longestGapMs = 0;
    return gap;
  }

  get failures(): Readonly<Record<string, number>> {
    return this.#failures;
  }

  /** Resolves when every writer got another acknowledgement. */
  async progress(): Promise<void> {
    const before = new Map(this.#written);
    const isBehind = (log: string) => (this.#written.get(log) ?? 0) <= (before.get(log) ?? 0);
    while (this.#logs.some(isBehind)) await pause(retryMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }

  /** Which of the acknowledged appends a reader does not find in order. */
  async missing(reader: Engine): Promise<string[]> {
    const missing: string[] = [];
    for (const log of this.#logs) {
      let last = -1;
      for await (const { data } of reader.messageLog.read(log, this.#from.get(log) ?? 1)) {
        const number = new DataView(data.buffer, data.byteOffset).getUint32(0);
        if (number !== last && number !== last + 1) missing.push(`${log}: ${number} after ${last}`);
        last = number;
      }
      const written = this.#written.get(log) ?? 0;
      if (last + 1 !== written) missing.push(`${log}: ${last + 1} of ${written}`);
    }
    return missing;
  }

  async #write(log: string): Promise<void> {
    let acknowledgedAt = performance.now();
    for (let number = 0; !this.#stopped; ) {
      const data = new Uint8Array(500);
      new DataView(data.buffer).setUint32(0, number);
      try {
        await this.#engine.messageLog.append(log, data);
        number += 1;
        this.#written.set(log, number);
        const now = performance.now();
        this.#longestGapMs = Math.max(this.#longestGapMs, now - acknowledgedAt);
        acknowledgedAt = now;
      } catch (thrown) {
        const { code, retry } = toHoldfastError(thrown);
        invariant(retry !== "never", `A test's append to ${log} is refused: ${code}.`);
        this.#failures[code] = (this.#failures[code] ?? 0) + 1;
        await pause(retryMs);
      }
    }
  }
}
