export { blobStoreConformance } from "./blob-store.ts";
export { busConformance } from "./bus.ts";
export { engineConformance } from "./engine.ts";
export type { ConformanceOptions, MakeEngine } from "./harness.ts";
export { keyValueConformance } from "./key-value.ts";
export { messageLogConformance } from "./message-log.ts";
