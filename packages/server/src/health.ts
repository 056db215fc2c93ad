import { toHoldfastError } from "@holdfast/core";
import type { NodeEngine } from "./engine.ts";
import type { Health, HealthCheck, Readiness } from "./http/index.ts";
import type { Partitions } from "./partitions.ts";

/** A probe's answer serves whoever asks within this time, so that asking often costs nothing. */
const freshMs = 1_000;
const probeTimeoutMs = 3_000;

/** Ready means that a probe went through every partition: inbox, owner, journal. */
export class NodeHealth implements Health {
  readonly #engine: NodeEngine;
  readonly #partitions: Partitions;
  #last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;

  constructor(engine: NodeEngine, partitions: Partitions) {
    this.#engine = engine;
    this.#partitions = partitions;
  }

  live(): boolean {
    return true;
  }

  ready(): Promise<Readiness> {
    const now = performance.now();
    if (!this.#last || now - this.#last.at > freshMs) {
      this.#last = { at: now, answer: this.#check() };
    }
    return this.#last.answer;
  }

  async #check(): Promise<Readiness> {
    const connected = this.#engine.isConnected();
    const open = this.#partitions.open().length;
    const checks: HealthCheck[] = [
      {
        name: "engine",
        ok: connected,
        detail: connected
          ? `connected to nats-server ${this.#engine.serverVersion}, sync always`
          : "no connection to the engine",
      },
      {
        name: "partitions",
        ok: open === this.#partitions.count,
        detail: `${open} of ${this.#partitions.count} are open`,
      },
      await this.#probe(),
    ];
    return { ready: checks.every(({ ok }) => ok), checks };
  }

  async #probe(): Promise<HealthCheck> {
    const name = "message path";
    const started = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const problem = `a probe did not come through within ${probeTimeoutMs} ms`;
      timer = setTimeout(() => reject(new Error(problem)), probeTimeoutMs);
    });
    try {
      await Promise.race([this.#partitions.probe(), late]);
      const ms = Math.round(performance.now() - started);
      return { name, ok: true, detail: `a probe went through every partition in ${ms} ms` };
    } catch (thrown) {
      return { name, ok: false, detail: toHoldfastError(thrown).message };
    } finally {
      clearTimeout(timer);
    }
  }
}
