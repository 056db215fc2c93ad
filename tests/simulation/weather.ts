import type { Random } from "@holdfast/core";
import { createRandomFaults, type Faults } from "@holdfast/engine";
import type { RunRecord } from "./run-record.ts";
import type { SimNode } from "./sim-node.ts";

export interface WeatherOptions {
  readonly random: Random;
  readonly record: RunRecord;
  /** Scales how often operations go wrong: 0 never, 1 often. */
  readonly harshness: number;
}

/** What the store does to whoever uses it. */
export class Weather {
  /** No faults any more. */
  isCalm = false;
  /** The store as a whole: `silent` answers nothing and takes nothing, `leaderless` refuses, `full` takes no writes. */
  store: "up" | "silent" | "leaderless" | "full" = "up";
  readonly #options: WeatherOptions;

  constructor(options: WeatherOptions) {
    this.#options = options;
  }

  /** The faults of one process; some are much unluckier than others. */
  faultsOf(node: () => SimNode): Faults {
    const { random, record, harshness } = this.#options;
    const level = random.next() * harshness;
    const usual = createRandomFaults(random, {
      refuse: 0.03 * level,
      storageFull: 0.01 * level,
      loseRequest: 0.015 * level,
      loseAnswer: 0.015 * level,
      latencyMaxMs: Math.floor(20 * level),
      deliveryDelayMaxMs: Math.floor(100 * level),
    });
    return {
      decide: (operation) => {
        const isBus = operation.kind === "publish";
        const fault = this.isCalm ? { outcome: "ok" as const } : usual.decide(operation);
        const outcome = isBus ? this.#bus(fault.outcome) : this.#stored(fault.outcome, operation);
        if (outcome !== "ok") record.count(outcome);
        if (isBus && operation.target.startsWith("heartbeat.")) countBeat(node(), outcome === "ok");
        // Arrives after its sender gave up, overtaken by whatever came next.
        const isLate = !this.isCalm && !isBus && random.next() < 0.01 * level;
        const requestMs = isLate ? 1_500 + Math.floor(random.next() * 5_000) : fault.requestMs;
        return { ...fault, outcome, ...(requestMs !== undefined && { requestMs }) };
      },
      deliveryDelayMs: (target) => (this.isCalm ? 0 : (usual.deliveryDelayMs?.(target) ?? 0)),
    };
  }

  #bus(outcome: Outcome): Outcome {
    return this.store === "silent" ? "lose-request" : outcome;
  }

  #stored(outcome: Outcome, { writes }: { readonly writes: boolean }): Outcome {
    if (this.store === "silent") return "lose-request";
    if (this.store === "leaderless") return "refuse";
    if (this.store === "full" && writes) return "storage-full";
    return outcome;
  }
}

type Outcome = ReturnType<Faults["decide"]>["outcome"];

/** Three lost in a row, and the others may take the node for dead. */
function countBeat(node: SimNode, isSent: boolean): void {
  node.lostBeats = isSent ? 0 : node.lostBeats + 1;
  if (node.lostBeats >= 3) node.unwellAt = node.clock.monotonic();
}
