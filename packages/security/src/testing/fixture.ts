import { type Clock, clusterBucket, type KeyValue } from "@holdfast/core";
import { createMemoryEngine, createMemoryStore, type Faults } from "@holdfast/engine";
import { authorityBucket } from "../authority/private-keys.ts";

export interface TestClock extends Clock {
  /** Moves the wall time alone. */
  jump(ms: number): void;
}

/**
 * Real timers, as the crypto of the machine runs beside any virtual time; the wall time can be moved.
 */
export function createTestClock(): TestClock {
  let offsetMs = 0;
  return {
    now: () => Date.now() + offsetMs,
    monotonic: () => performance.now(),
    schedule(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    soon: (run) => void setImmediate(run),
    jump: (ms) => {
      offsetMs += ms;
    },
  };
}

export interface TestCluster {
  readonly clock: TestClock;
  readonly keyValue: KeyValue;
  /** Another node's view of the same store. With faults it gives up waiting after `timeoutMs` (100). */
  view(faults?: Faults, timeoutMs?: number): KeyValue;
  /** What stands in the bucket of private keys and join tokens, as `key value`. */
  secrets(): Promise<string[]>;
}

/** A store with the buckets of the authority. */
export async function createTestCluster(): Promise<TestCluster> {
  const store = createMemoryStore();
  const clock = createTestClock();
  const engine = createMemoryEngine(store, { clock });
  await engine.provision({ logs: [], buckets: [clusterBucket, authorityBucket] });
  return {
    clock,
    keyValue: engine.keyValue,
    view: (faults, timeoutMs = 100) =>
      createMemoryEngine(store, { clock, ...(faults ? { faults, timeoutMs } : {}) }).keyValue,
    async secrets() {
      const found: string[] = [];
      for await (const { key, value } of engine.keyValue.list(authorityBucket, "")) {
        found.push(`${key} ${Buffer.from(value).toString()}`);
      }
      return found;
    },
  };
}

export const testCluster = "hf-0123456789abcdef";
