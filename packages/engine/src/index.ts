export { findNatsServer, type NatsServer } from "./managed/find-server.ts";
export {
  type ManagedEngine,
  type ManagedEngineOptions,
  startManagedEngine,
} from "./managed/managed-engine.ts";
export {
  createMemoryEngine,
  createMemoryStore,
  createRandomFaults,
  type Faults,
  type MemoryEngine,
  type MemoryEngineOptions,
  type MemoryStore,
} from "./memory/index.ts";
export { createNatsEngine, type NatsEngine, type NatsEngineOptions } from "./nats/nats-engine.ts";
