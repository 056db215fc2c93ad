import {
  createMemoryEngine,
  createMemoryStore,
  createRandomFaults,
  type Faults,
} from "@holdfast/engine";
import { createSeededRandom, createVirtualClock, type VirtualClock } from "@holdfast/testkit";
import type { Random } from "../../../ports/random.ts";
import type { KeyValue } from "../../../ports/key-value.ts";
import type { HoldfastError } from "../../../errors.ts";
import { createPairing, type Pairing } from "../pairing.ts";
import { channelAccessBucket } from "../pairing-records.ts";
import { testDigest } from "./digest.ts";

export interface PairingNode {
  readonly pairing: Pairing;
  readonly keyValue: KeyValue;
  /** Calls of the store by this node. */
  readonly counts: { reads: number; writes: number };
  readonly reports: HoldfastError[];
}

/** Several nodes on one memory engine, in virtual time. */
export function createPairingCell(clock: VirtualClock = createVirtualClock()) {
  const store = createMemoryStore();
  let seed = 0;
  return {
    clock,
    /** Runs what needs time to pass. */
    run: <T>(work: Promise<T>): Promise<T> => clock.runUntil(work),
    /** Its faults begin when it has started. */
    async node(faults?: Faults): Promise<PairingNode> {
      let hasStarted = false;
      const later: Faults | undefined = faults && {
        ...faults,
        decide: (operation) => (hasStarted ? faults.decide(operation) : { outcome: "ok" }),
      };
      const engine = createMemoryEngine(store, { clock, ...(later && { faults: later }) });
      await clock.runUntil(engine.provision({ logs: [], buckets: [channelAccessBucket] }));
      const counts = { reads: 0, writes: 0 };
      const reports: HoldfastError[] = [];
      const keyValue = counted(engine.keyValue, counts);
      const opening = createPairing({
        keyValue,
        clock,
        random: createSeededRandom((seed += 1)),
        digest: testDigest,
        report: (error) => void reports.push(error),
      });
      const pairing = await clock.runUntil(opening);
      hasStarted = true;
      return { pairing, keyValue, counts, reports };
    },
  };
}

/** Slow, refusing and forgetful. */
export function randomFaults(random: Random): Faults {
  return createRandomFaults(random, {
    refuse: 0.05,
    loseRequest: 0.05,
    loseAnswer: 0.1,
    latencyMaxMs: 20,
    deliveryDelayMaxMs: 50,
  });
}

function counted(keyValue: KeyValue, counts: { reads: number; writes: number }): KeyValue {
  return {
    ...keyValue,
    get: (...args) => {
      counts.reads += 1;
      return keyValue.get(...args);
    },
    update: (...args) => {
      counts.writes += 1;
      return keyValue.update(...args);
    },
  };
}
