import { createMemoryEngine, createMemoryStore, type Faults } from "@holdfast/engine";
import { createSeededRandom, createVirtualClock, type VirtualClock } from "@holdfast/testkit";
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
    async node(faults?: Faults): Promise<PairingNode> {
      const engine = createMemoryEngine(store, { clock, ...(faults && { faults }) });
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
      return { pairing: await clock.runUntil(opening), keyValue, counts, reports };
    },
  };
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
