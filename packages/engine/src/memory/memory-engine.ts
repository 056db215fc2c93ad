import { type Clock, type Engine, limits } from "@holdfast/core";
import { type Faults, noFaults } from "./faults.ts";
import { type CutWay, createLink } from "./link.ts";
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
  /** Time of the way to the store, when the view's own clock may stand still; else it is `clock`. */
  readonly network?: Clock;
  /** Whose view it is: stands in the store's `actor` while an operation of it takes effect. */
  readonly name?: string;
}

export interface MemoryEngine extends Engine {
  /**
   * From now on nothing reaches the view and nothing it sends arrives: operations time out, followers and
   * watches stand still, bus messages are lost. What was sent before may still take effect. Cut one way,
   * the view's operations take effect without an answer, or its feeds go on while nothing it sends arrives.
   */
  cutOff(way?: CutWay): void;
  /** Ends the cut: followers and watches go on where they stood. */
  mend(): void;
  /**
   * Ends the view as the end of its process does: nothing is handed over any more, and nobody who waits
   * is told. What was sent before may still take effect.
   */
  abandon(): void;
}

/**
 * One node's view of a store, in this process. It answers and delivers through the clock alone, so a
 * virtual clock with seeded faults repeats a run exactly.
 */
export function createMemoryEngine(store: MemoryStore, options: MemoryEngineOptions): MemoryEngine {
  const { clock, network = clock, faults = noFaults, name = "" } = options;
  const timeoutMs = options.timeoutMs ?? limits.appendTimeoutMs;
  const acting = <T>(act: () => T): T => {
    store.actor = name;
    return act();
  };
  const link = createLink({ clock, network, faults, timeoutMs, acting });
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
    cutOff: (way = "both") => link.cutOff(way),
    mend: () => link.mend(),
    abandon: () => link.abandon(),
    async close() {
      link.close();
    },
  };
}
