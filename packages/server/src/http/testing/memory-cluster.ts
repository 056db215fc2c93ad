import {
  type ClusterAdmin,
  HoldfastError,
  type NodeId,
  type NodeState,
  type NodeStatus,
  type PartitionStatus,
  type RemoveNodesOptions,
} from "@holdfast/core";
import type { AuthorityState } from "@holdfast/security";
import type { AuthorityControl } from "../authority-control.ts";
import type { Operation, StoreRepair } from "../store-repair.ts";

/** A cluster of three store nodes and a compute node, as a node sees it, without a cluster. */
export class MemoryCluster implements ClusterAdmin {
  readonly statuses = new Map<string, NodeStatus>();
  readonly removals: { names: readonly string[]; force: boolean }[] = [];
  /** What the last removal was told of the engine. */
  inEngine: readonly string[] | undefined;
  /** Thrown by the next change. */
  refusal: HoldfastError | undefined;

  constructor() {
    for (const [index, name] of ["a", "b", "c", "d"].entries()) {
      this.statuses.set(name, nodeStatus(name, index));
    }
  }

  nodes(): readonly NodeStatus[] {
    return [...this.statuses.values()];
  }

  partitions(): readonly PartitionStatus[] {
    const work = { lag: 3, activeConversations: 2, turnsInFlight: 1, turnsPerSecond: 0.5 };
    const partition = (number: number, owner: string | undefined): PartitionStatus => ({
      partition: number,
      owner: owner as NodeId | undefined,
      epoch: 7,
      isOpen: owner !== undefined,
      ...work,
    });
    return [partition(0, "a"), partition(1, "a"), partition(2, undefined)];
  }

  drain(node: string): Promise<void> {
    return this.#change(node, "draining");
  }

  activate(node: string): Promise<void> {
    return this.#change(node, "active");
  }

  async remove(
    names: readonly string[],
    { force, prepare, inEngine }: RemoveNodesOptions,
  ): Promise<void> {
    this.#refuse();
    this.inEngine = await inEngine?.();
    await prepare?.();
    this.removals.push({ names, force });
    for (const name of names) this.statuses.delete(name);
  }

  set(node: string, to: Partial<NodeStatus>): void {
    const status = this.statuses.get(node);
    if (!status) throw new HoldfastError("node_not_found", `There is no node "${node}".`);
    this.statuses.set(node, { ...status, ...to });
  }

  async #change(node: string, state: NodeState): Promise<void> {
    this.#refuse();
    this.set(node, { state });
  }

  #refuse(): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal) throw refusal;
  }
}

function nodeStatus(name: string, index: number): NodeStatus {
  const isStore = index < 3;
  const engine = { host: `10.0.0.${index}`, clientPort: 7422, routePort: 7423 };
  return {
    node: name as NodeId,
    role: isStore ? "store" : "compute",
    state: "active",
    url: `https://10.0.0.${index}:7400`,
    version: "1.2.3",
    zone: "z",
    labels: { disk: "fast" },
    capacity: 1,
    joinedAt: 1,
    claim: "the hash of a certificate request",
    ...(isStore && { engine }),
    presence: "alive",
    isCoordinator: index === 0,
    silentMs: 100,
    load: {
      cpu: 0.5,
      cores: 2,
      memoryBytes: 1,
      memoryLimitBytes: 2,
      loopDelayMs: 1,
      turnsInFlight: 2,
      turnCapacity: 4,
      turnLatencyMs: 5,
      turnsPerSecond: 6,
      roundTripMs: 7,
      partitions: [],
    },
  };
}

export class MemoryRepair implements StoreRepair {
  readonly started: string[] = [];
  operation: Operation | undefined;

  async plan(dead: string) {
    return { steps: [{ text: `${dead} is replaced.`, reason: "It is dead." }] };
  }

  async start(dead: string): Promise<void> {
    this.started.push(dead);
    this.operation = {
      kind: "replace",
      phase: "copying",
      node: dead,
      done: 1,
      total: 9,
      stream: "HF_LOG_1",
      message: "new replicas are made",
      startedAt: 5,
    };
  }

  async inEngine(nodes: readonly string[]): Promise<readonly string[]> {
    return nodes.filter((node) => node !== "c");
  }

  async progress(): Promise<Operation | undefined> {
    return this.operation;
  }
}

/** An authority whose steps only count. */
export class MemoryAuthority implements AuthorityControl {
  readonly confirmed = new Map<string, number>();
  readonly steps: string[] = [];
  #state: AuthorityState = {
    cluster: "hf-0123456789abcdef",
    phase: "stable",
    active: "aa",
    generation: 1,
    bundle: ["PEM"],
  };

  readonly authority = {
    state: async () => this.#state,
    begin: () => this.#step("begin"),
    sign: () => this.#step("sign"),
    retire: () => this.#step("retire"),
    rollback: () => this.#step("rollback"),
  };

  async confirmations() {
    return [...this.confirmed].map(([node, generation]) => ({ node, generation }));
  }

  async #step(step: string): Promise<AuthorityState> {
    this.steps.push(step);
    this.#state = { ...this.#state, generation: this.#state.generation + 1 };
    return this.#state;
  }
}
