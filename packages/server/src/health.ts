import { setTimeout as delay } from "node:timers/promises";
import { type NodeRuntime, toHoldfastError } from "@holdfast/core";
import type { NodeEngine } from "./engine.ts";
import type { Health, HealthCheck, Readiness } from "./http/index.ts";

/** An answer serves whoever asks within this time, so that asking often costs nothing. */
const freshMs = 1_000;
const probeTimeoutMs = 3_000;
/**
 * A partition is between two owners for a moment when it moves or its owner died. Messages are accepted
 * meanwhile, so nobody needs to be sent away from every node at once.
 */
const openTimeoutMs = 3_000;
const lookAgainMs = 50;

/** By this name `holdfast doctor` knows that the node runs no engine of its own. */
const externalEngineCheck = "external engine";

type EngineState = Pick<NodeEngine, "isConnected" | "serverVersion">;

interface RuntimeState {
  readonly admin: Pick<NodeRuntime["admin"], "partitions">;
  readonly ownership: Pick<NodeRuntime["ownership"], "open" | "probe">;
  readonly heartbeats: Pick<NodeRuntime["heartbeats"], "isCutOff">;
}

/** Ready means that every partition is open, and a probe went through those of this node: inbox, owner, journal. */
export class NodeHealth implements Health {
  readonly #engine: EngineState;
  readonly #runtime: RuntimeState;
  readonly #isEngineExternal: boolean;
  /** While the answer is being found it serves everybody. */
  #staleAt = 0;
  #answer: Promise<Readiness> | undefined;

  constructor(engine: EngineState, runtime: RuntimeState, isEngineExternal: boolean) {
    this.#engine = engine;
    this.#runtime = runtime;
    this.#isEngineExternal = isEngineExternal;
  }

  live(): boolean {
    return true;
  }

  ready(): Promise<Readiness> {
    if (this.#answer && performance.now() <= this.#staleAt) return this.#answer;
    this.#staleAt = Number.POSITIVE_INFINITY;
    this.#answer = this.#check().finally(() => {
      this.#staleAt = performance.now() + freshMs;
    });
    return this.#answer;
  }

  async #check(): Promise<Readiness> {
    const [partitions, probe] = await Promise.all([this.#untilOpen(), this.#probe()]);
    const checks: HealthCheck[] = [this.#connection(), partitions, probe];
    return { ready: checks.every(({ ok }) => ok), checks };
  }

  #connection(): HealthCheck {
    const name = this.#isEngineExternal ? externalEngineCheck : "engine";
    if (!this.#engine.isConnected())
      return { name, ok: false, detail: "no connection to the engine" };
    // What others run is configured by them, and cannot be asked for it.
    const sync = this.#isEngineExternal ? "sync as set there" : "sync always";
    const detail = `connected to nats-server ${this.#engine.serverVersion}, ${sync}`;
    return { name, ok: true, detail };
  }

  async #untilOpen(): Promise<HealthCheck> {
    const deadline = performance.now() + openTimeoutMs;
    for (;;) {
      const check = this.#partitions();
      const mayOpen = this.#engine.isConnected() && !this.#runtime.heartbeats.isCutOff;
      if (check.ok || !mayOpen || performance.now() >= deadline) return check;
      await delay(lookAgainMs);
    }
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
