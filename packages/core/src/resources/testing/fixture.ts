import { type Clock, type KeyValue, resourceBucket } from "@holdfast/core";
import { createMemoryEngine, createMemoryStore, type MemoryEngineOptions } from "@holdfast/engine";
import { type OpenResourceStore, openResourceStore } from "../open-resource-store.ts";

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => setImmediate(run),
};

export interface Cell {
  /** Another node's view of the same data. */
  keyValue(options?: Partial<MemoryEngineOptions>): Promise<KeyValue>;
  /** A store on a view of its own. */
  open(): Promise<OpenResourceStore>;
}

/** Several nodes on one memory engine. */
export function createCell(clock: Clock = realClock): Cell {
  const store = createMemoryStore();
  const keyValue = async (options: Partial<MemoryEngineOptions> = {}) => {
    const engine = createMemoryEngine(store, { clock, ...options });
    await engine.provision({ logs: [], buckets: [resourceBucket] });
    return engine.keyValue;
  };
  return {
    keyValue,
    open: async () => openResourceStore({ keyValue: await keyValue(), clock }),
  };
}

/** Resolves when the condition holds; every wait lets the engine deliver. */
export async function seen(condition: () => boolean): Promise<void> {
  const turnsMax = 10_000;
  for (let turns = 0; turns < turnsMax; turns += 1) {
    if (condition()) return;
    await new Promise<void>((resolve) => realClock.soon(resolve));
  }
  throw new Error(`not seen within ${turnsMax} turns: ${condition.toString()}`);
}
