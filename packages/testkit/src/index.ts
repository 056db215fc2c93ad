export { createNodeClock, type NodeClock } from "./node-clock.ts";
export {
  createPathNode,
  type PathNode,
  type PathNodeOptions,
  startPathNode,
} from "./path-node.ts";
export * from "./seeded-random.ts";
export * from "./virtual-clock.ts";
export {
  type FakeModelOptions,
  type FakeModelRequest,
  type FakeModelServer,
  type ModelScript,
  startFakeModelServer,
} from "./fake-model-server.ts";
export type { FakeToolCall, FakeUsage } from "./fake-model-wire.ts";
