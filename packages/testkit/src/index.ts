export { type PathNode, type PathNodeOptions, startPathNode } from "./path-node.ts";
export * from "./seeded-random.ts";
export * from "./virtual-clock.ts";
export {
  type FakeModelOptions,
  type FakeModelRequest,
  type FakeModelServer,
  type FakeToolCall,
  type FakeUsage,
  type ModelScript,
  startFakeModelServer,
} from "./fake-model-server.ts";
