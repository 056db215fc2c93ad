export { type FakeNode, type Fault, type SeenRequest, startFakeNode } from "./fake-node.ts";
export type { FakeState } from "./fake-state.ts";
