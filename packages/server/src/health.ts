import { type NodeRuntime, toHoldfastError } from "@holdfast/core";
import type { NodeEngine } from "./engine.ts";
import type { Health, HealthCheck, Readiness } from "./http/index.ts";

/** A probe's answer serves whoever asks within this time, so that asking often costs nothing. */
const freshMs = 1_000;
const probeTimeoutMs = 3_000;

/** Ready means that every partition is open, and a probe went through those of this node: inbox, owner, journal. */
export class NodeHealth implements Health {
  readonly #engine: NodeEngine;
  readonly #runtime: NodeRuntime;
  #last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;

  constructor(engine: NodeEngine, runtime: NodeRuntime) {
    this.#engine = engine;
    this.#runtime = runtime;
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
    const checks: HealthCheck[] = [
      {
        name: "engine",
        ok: connected,
        detail: connected
          ? `connected to nats-server ${this.#engine.serverVersion}, sync always`
          : "no connection to the engine",
      },
      this.#partitions(),
      await this.#probe(),
    ];
    return { ready: checks.every(({ ok }) => ok), checks };
  }

  /** Every partition is open at its owner, and this node hears of them. */
  #partitions(): HealthCheck {
    const name = "partitions";
    const { admin, ownership, heartbeats } = this.#runtime;
    if (heartbeats.isCutOff) return { name, ok: false, detail: "this node is cut off" };
    const all = admin.partitions();
    const here = ownership.open();
    const isOpen = ({ partition, isOpen: isOpenThere }: (typeof all)[number]) =>
      isOpenThere || here.some(({ number }) => number === partition);
    const open = all.filter(isOpen).length;
    const detail = `${open} of ${all.length} are open, ${here.length} of them here`;
    return { name, ok: open === all.length, detail };
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
      await Promise.race([this.#runtime.ownership.probe(), late]);
      const ms = Math.round(performance.now() - started);
      return { name, ok: true, detail: `a probe went through this node's partitions in ${ms} ms` };
    } catch (thrown) {
      return { name, ok: false, detail: toHoldfastError(thrown).message };
    } finally {
      clearTimeout(timer);
    }
  }
}
