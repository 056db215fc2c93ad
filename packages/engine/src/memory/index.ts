export {
  createRandomFaults,
  type Faults,
} from "./faults.ts";
export {
  createMemoryEngine,
  type MemoryEngine,
  type MemoryEngineOptions,
} from "./memory-engine.ts";
export { createMemoryStore, type MemoryStore } from "./memory-store.ts";
