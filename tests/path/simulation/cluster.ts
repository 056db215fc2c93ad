import { type Clock, delay, type FailpointName, type Random, storagePlan } from "@holdfast/core";
import {
  createMemoryEngine,
  createMemoryStore,
  createRandomFaults,
  type Faults,
  type MemoryEngine,
  type MemoryStore,
} from "@holdfast/engine";
import { type PathNode, startPathNode } from "@holdfast/testkit";
import type { JournalChecker } from "./journal-checker.ts";
import type { RunRecord } from "./run-record.ts";
import {
  agents,
  type ScriptHost,
  type ScriptWorld,
  scriptedModel,
  scriptedTools,
} from "./scripted-agents.ts";

const partitions = 2;

/** One process of the cluster. */
export interface SimNode extends ScriptHost {
  readonly engine: MemoryEngine;
  path: PathNode | undefined;
  isAlive: boolean;
  isCut: boolean;
}

export interface ClusterOptions {
  readonly clock: Clock;
  readonly faultRandom: Random;
  readonly record: RunRecord;
  readonly journal: JournalChecker;
  readonly script: ScriptWorld;
  readonly random: Random;
  /** Scales how much goes wrong: 0 nothing, 1 much. */
  readonly harshness: number;
}

/** Nodes on one store. Each new node takes all partitions over, whoever has them. */
export class Cluster {
  readonly store: MemoryStore = createMemoryStore();
  readonly nodes: SimNode[] = [];
  readonly #options: ClusterOptions;
  /** Set when the storm is over: no more faults and failpoints. */
  isCalm = false;
  /** How many nodes may still die at a failpoint. */
  deathsLeft = 0;
  /** Node starts so far; each may have been the start of a try of a message. */
  epoch = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  async provision(): Promise<void> {
    const { clock, journal } = this.#options;
    const engine = createMemoryEngine(this.store, { clock });
    await engine.provision(storagePlan(partitions));
    journal.attach(this.store, partitions);
  }

  get alive(): readonly SimNode[] {
    return this.nodes.filter(({ isAlive, path }) => isAlive && path);
  }

  /** The node that owns every partition, if there is one. */
  get owner(): SimNode | undefined {
    return this.alive.find(
      ({ path, isCut }) => !isCut && path?.ownership.open().length === partitions,
    );
  }

  /** Undefined when the start failed, as starts do while the engine is away. */
  async start(): Promise<SimNode | undefined> {
    const { clock, record, random, script } = this.#options;
    this.epoch += 1;
    const name = `node-${this.epoch}`;
    const engine = createMemoryEngine(this.store, { clock, faults: this.#faults() });
    const node: SimNode = {
      name,
      epoch: this.epoch,
      engine,
      path: undefined,
      isAlive: true,
      isCut: false,
    };
    this.nodes.push(node);
    record.note(`${name} starts`);
    record.count("start");
    try {
      node.path = await startPathNode({
        engine,
        clock,
        random,
        model: scriptedModel(script, node),
        tools: scriptedTools(script, node),
        agents,
        partitions,
        node: name,
        epoch: node.epoch,
        reach: (at) => this.#reach(node, at),
      });
      // It may have met a failpoint before its start was over.
      if (!node.isAlive) await node.path.close();
      record.note(`${name} is ready`);
      return node;
    } catch (thrown) {
      record.note(`${name} did not start: ${String(thrown)}`);
      await this.kill(node);
      return undefined;
    }
  }

  async startSurely(): Promise<SimNode> {
    for (;;) {
      const node = await this.start();
      if (node?.isAlive) return node;
      await delay(this.#options.clock, 100);
    }
  }

  /** Nothing of the node reaches the store any more, but what it sent may still arrive. */
  async kill(node: SimNode): Promise<void> {
    if (node.isAlive) this.#options.record.note(`${node.name} dies`);
    node.isAlive = false;
    node.engine.cutOff();
    await node.engine.close();
    await node.path?.close();
  }

  cutOff(node: SimNode): void {
    this.#options.record.note(`${node.name} is cut off`);
    this.#options.record.count("cut");
    node.isCut = true;
    node.engine.cutOff();
  }

  mend(node: SimNode): void {
    if (!node.isCut) return;
    this.#options.record.note(`${node.name} is mended`);
    node.isCut = false;
    node.engine.mend();
  }

  #reach(node: SimNode, at: FailpointName): void {
    const { random, record, harshness } = this.#options;
    record.count(at);
    if (!node.isAlive && at !== "afterDelivery") throw new Error("the node is dead");
    if (this.isCalm || this.deathsLeft === 0 || random.next() > 0.01 * harshness) return;
    this.deathsLeft -= 1;
    record.note(`${node.name} dies at ${at}`);
    record.count(`death at ${at}`);
    void this.kill(node);
    // Delivery has no caller to stop: what it hands over meets a closed partition.
    if (at !== "afterDelivery") throw new Error("the node is dead");
  }

  #faults(): Faults {
    const { faultRandom: random, harshness, record } = this.#options;
    const level = random.next() * harshness;
    const faults = createRandomFaults(random, {
      refuse: 0.03 * level,
      storageFull: 0.01 * level,
      loseRequest: 0.015 * level,
      loseAnswer: 0.015 * level,
      latencyMaxMs: Math.floor(20 * level),
      deliveryDelayMaxMs: Math.floor(100 * level),
    });
    return {
      decide: (operation) => {
        if (this.isCalm) return { outcome: "ok" };
        const fault = faults.decide(operation);
        if (fault.outcome !== "ok") record.count(fault.outcome);
        // Arrives after its sender gave up, overtaken by whatever came next.
        const isLate = random.next() < 0.01 * level;
        return isLate ? { ...fault, requestMs: 1_500 + Math.floor(random.next() * 5_000) } : fault;
      },
      deliveryDelayMs: (target) => (this.isCalm ? 0 : (faults.deliveryDelayMs?.(target) ?? 0)),
    };
  }
}
