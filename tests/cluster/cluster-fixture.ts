import { delay, type Model, type Tools } from "@holdfast/core";
import {
  createMemoryEngine,
  createMemoryStore,
  type MemoryEngine,
  type MemoryEngineOptions,
} from "@holdfast/engine";
import {
  createSeededRandom,
  createVirtualClock,
  type PathNode,
  startPathNode,
} from "@holdfast/testkit";
import { echoAgent, echoModel } from "../path/path-fixture.ts";

export interface ClusterNode {
  readonly path: PathNode;
  readonly engine: MemoryEngine;
}

/** Nodes of one cluster in virtual time, with a coordinator among them. */
export function createClusterWorld({ partitions = 8, agents = 12, seed = 1 } = {}) {
  const clock = createVirtualClock();
  const random = createSeededRandom(seed);
  const store = createMemoryStore();
  const names = Array.from({ length: agents }, (_, number) => `a${number}`);

  async function start(
    name: string,
    options: {
      readonly model?: Model;
      readonly tools?: Tools;
      readonly faults?: MemoryEngineOptions["faults"];
    } = {},
  ): Promise<ClusterNode> {
    const { model = echoModel(), tools, faults } = options;
    const engine = createMemoryEngine(store, { clock, ...(faults && { faults }) });
    const path = await clock.runUntil(
      startPathNode({
        engine,
        clock,
        random,
        model,
        ...(tools && { tools }),
        node: name,
        partitions,
        agents: names.map((agent) => ({ ...echoAgent, name: agent })),
      }),
    );
    return { path, engine };
  }

  return {
    clock,
    random,
    store,
    agents: names,
    start,
    /** Starts several, and waits until each has its share. */
    async startAll(...nodes: string[]): Promise<ClusterNode[]> {
      const started: ClusterNode[] = [];
      for (const name of nodes) started.push(await start(name));
      await clock.advance(60_000);
      return started;
    },
    /** Ends as a power cut does: nothing more reaches the store. */
    async kill({ path, engine }: ClusterNode): Promise<void> {
      engine.cutOff();
      await engine.close();
      await path.close();
    },
    run: <T>(promise: Promise<T>): Promise<T> => clock.runUntil(promise),
    after: (ms: number): Promise<void> => clock.runUntil(delay(clock, ms)),
  };
}

/** How many partitions each node runs. */
export function shares(nodes: readonly ClusterNode[]): number[] {
  return nodes.map(({ path }) => path.ownership.open().length);
}
