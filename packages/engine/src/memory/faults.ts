import type { Random } from "@holdfast/core";

/**
 * What goes wrong between one view and the store. Without faults every operation takes effect and is
 * answered in the clock's next `soon`.
 */
export interface Faults {
  /** Asked once for each operation, in the order in which the view begins them. */
  decide(operation: Operation): Fault;
  /** Delay of what a follower or watch is handed, in ms; 0 when absent. A nudge skips it. */
  deliveryDelayMs?(target: string): number;
}

export interface Operation {
  readonly kind: "provision" | "append" | "truncate" | "read" | "write" | "blob" | "publish";
  /** Name of the log or bucket, the blob's key, or the bus subject. */
  readonly target: string;
  /** A lost answer leaves open whether it took effect. */
  readonly writes: boolean;
}

export interface Fault {
  readonly outcome: Outcome;
  /**
   * Delay of the request and of its answer, in ms; over the view's timeout the caller gives up although
   * the store may act. A delayed request may be overtaken, and arrives even if its view was closed.
   */
  readonly requestMs?: number;
  readonly answerMs?: number;
}

/**
 * `refuse`: `engine_unavailable`, no effect. `storage-full`: the same for writes, with that code.
 * `lose-request`, `lose-answer`: the caller times out; without and with the effect. A publish on the
 * bus has no answer: anything but `ok` loses it.
 */
export type Outcome = "ok" | "refuse" | "storage-full" | "lose-request" | "lose-answer";

export const noFaults: Faults = { decide: () => ({ outcome: "ok" }) };

/** Share of the operations that end so, each from 0 to 1, and bounds of the uniform delays in ms. */
export interface FaultRates {
  readonly refuse?: number;
  readonly storageFull?: number;
  readonly loseRequest?: number;
  readonly loseAnswer?: number;
  readonly latencyMaxMs?: number;
  readonly deliveryDelayMaxMs?: number;
}

/** Faults drawn from `random`: the same seed and the same operations give the same faults. */
export function createRandomFaults(random: Random, rates: FaultRates): Faults {
  const shares: readonly (readonly [Outcome, number])[] = [
    ["refuse", rates.refuse ?? 0],
    ["storage-full", rates.storageFull ?? 0],
    ["lose-request", rates.loseRequest ?? 0],
    ["lose-answer", rates.loseAnswer ?? 0],
  ];
  const upTo = (maxMs: number | undefined) => Math.floor(random.next() * (maxMs ?? 0));
  return {
    decide() {
      let draw = random.next();
      const hit = shares.find(([, share]) => {
        draw -= share;
        return draw < 0;
      });
      return {
        outcome: hit?.[0] ?? "ok",
        requestMs: upTo(rates.latencyMaxMs),
        answerMs: upTo(rates.latencyMaxMs),
      };
    },
    deliveryDelayMs: () => upTo(rates.deliveryDelayMaxMs),
  };
}
