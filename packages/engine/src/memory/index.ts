export {
  createRandomFaults,
  type Fault,
  type FaultRates,
  type Faults,
  noFaults,
  type Operation,
  type Outcome,
} from "./faults.ts";
export {
  createMemoryEngine,
  type MemoryEngine,
  type MemoryEngineOptions,
} from "./memory-engine.ts";
export { createMemoryStore, type MemoryStore } from "./memory-store.ts";
