export { engineIdentity, type EngineUser, inboxPrefixOf } from "./managed/accounts.ts";
export type { CertifiedKey, EngineCredentials } from "./managed/credentials.ts";
export type { EngineAdmin, StepProgress } from "./managed/engine-admin.ts";
export type { EngineHealth, PeerHealth, StreamHealth } from "./managed/engine-health.ts";
export { dataServerName } from "./managed/engine-home.ts";
export { findNatsServer, type NatsServer } from "./managed/find-server.ts";
export { chooseApiPort, choosePorts, takenPort } from "./managed/ports.ts";
export {
  type EngineChange,
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
export { connectEngine, type ConnectEngineOptions } from "./nats/connect-engine.ts";
export type { ConnectionChange } from "./nats/connection.ts";
export { createNatsEngine, type NatsEngine, type NatsEngineOptions } from "./nats/nats-engine.ts";
export type { TlsCredentials } from "./nats/tls.ts";
