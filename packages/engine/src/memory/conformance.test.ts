import type { Clock } from "@holdfast/core";
import {
  blobStoreConformance,
  busConformance,
  engineConformance,
  keyValueConformance,
  messageLogConformance,
} from "@holdfast/testkit/conformance";
import { createMemoryEngine } from "./memory-engine.ts";
import { createMemoryStore } from "./memory-store.ts";

/** The suites await events as they would of a real engine, so time has to pass by itself here. */
const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};

const store = createMemoryStore();
const makeEngine = async () => createMemoryEngine(store, { clock: realClock });

engineConformance("memory", makeEngine);
messageLogConformance("memory", makeEngine, { propertyRuns: 100 });
keyValueConformance("memory", makeEngine, { propertyRuns: 100 });
blobStoreConformance("memory", makeEngine);
busConformance("memory", makeEngine);
