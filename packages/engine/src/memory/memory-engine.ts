import { type Clock, type Engine, limits } from "@holdfast/core";
import { type Faults, noFaults } from "./faults.ts";
import { createLink } from "./link.ts";
import { createMemoryBlobStore } from "./memory-blob-store.ts";
import { createMemoryBus } from "./memory-bus.ts";
import { createMemoryKeyValue } from "./memory-key-value.ts";
import { createMemoryMessageLog } from "./memory-message-log.ts";
import { checkName, type MemoryStore, provisionStore } from "./memory-store.ts";

export interface MemoryEngineOptions {
  readonly clock: Clock;
  readonly faults?: Faults;
  /** How long an operation waits for its answer. */
  readonly timeoutMs?: number;
}

export interface MemoryEngine extends Engine {
  /**
   * From now on nothing reaches the view and nothing it sends arrives: operations time out, followers and
   * watches stand still, bus messages are lost. What was sent before may still take effect.
   */
  cutOff(): void;
  /** Ends the cut: followers and watches go on where they stood. */
  mend(): void;
}

/**
 * One node's view of a store, in this process. It answers and delivers through the clock alone, so a
 * virtual clock with seeded faults repeats a run exactly.
 */
export function createMemoryEngine(store: MemoryStore, options: MemoryEngineOptions): MemoryEngine {
  const timeoutMs = options.timeoutMs ?? limits.appendTimeoutMs;
  const link = createLink(options.clock, options.faults ?? noFaults, timeoutMs);
  return {
    messageLog: createMemoryMessageLog(store, link),
    keyValue: createMemoryKeyValue(store, link),
    blobStore: createMemoryBlobStore(store, link),
    bus: createMemoryBus(store, link),
    async provision({ logs, buckets }) {
      for (const name of [...logs, ...buckets]) checkName(name);
      await link.perform({ kind: "provision", target: "plan", writes: true }, () =>
        provisionStore(store, logs, buckets),
      );
    },
    cutOff: () => link.cutOff(),
    mend: () => link.mend(),
    async close() {
      link.close();
    },
  };
}
