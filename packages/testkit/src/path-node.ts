import {
  type Agent,
  type AgentRef,
  AppendGate,
  agentKey,
  Checkpoints,
  type Clock,
  DeadLetters,
  Egress,
  type Engine,
  HistoryPages,
  type HoldfastError,
  Inbox,
  Ingress,
  type Model,
  type NodeId,
  type OwnerServices,
  Partition,
  Pending,
  type Random,
  type ReachFailpoint,
  type ResourceStore,
  storagePlan,
  type Tools,
  TurnScheduler,
} from "@holdfast/core";

export interface PathNodeOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly model: Model;
  readonly agents: readonly Agent[];
  readonly tools?: Tools;
  readonly reach?: ReachFailpoint;
  readonly node?: string;
  readonly partitions?: number;
  /** Must rise with every node on the same data. */
  readonly epoch: number;
}

/** The message path of a node on any engine, without HTTP. */
export interface PathNode {
  readonly conversations: Ingress;
  readonly services: OwnerServices;
  readonly partitions: readonly Partition[];
  /** What the node reported, newest last. */
  readonly reports: readonly HoldfastError[];
  /** Stops as a crash does. */
  crash(): Promise<void>;
}

export async function startPathNode(options: PathNodeOptions): Promise<PathNode> {
  const { engine, clock, random, model, epoch } = options;
  const count = options.partitions ?? 2;
  const node = (options.node ?? `node-${epoch}`) as NodeId;
  const reach = options.reach ?? (() => undefined);
  const reports: HoldfastError[] = [];
  await engine.provision(storagePlan(count));
  const egress = new Egress(node, engine.bus);
  const services: OwnerServices = {
    engine,
    clock,
    random,
    node,
    gate: new AppendGate((run) => clock.soon(run)),
    scheduler: new TurnScheduler(),
    pending: new Pending(),
    egress,
    checkpoints: new Checkpoints(engine.keyValue, engine.blobStore),
    history: new HistoryPages(engine.keyValue, engine.blobStore),
    deadLetters: new DeadLetters(engine.keyValue),
    report: (error) => reports.push(error),
    resources: staticResources(options.agents),
    model,
    tools: options.tools ?? noTools,
    blobs: engine.blobStore,
    instructionsOf: (agent) => agent.instructions ?? "",
    reach,
  };
  const partitions: Partition[] = [];
  const inboxes: Inbox[] = [];
  for (let number = 0; number < count; number += 1) {
    inboxes.push(new Inbox(engine.messageLog, number, services.gate, clock));
    partitions.push(await Partition.open(number, epoch, services, () => undefined));
  }
  const conversations = new Ingress({
    ...services,
    partitions: count,
    inbox: (number) => inboxes[number] as Inbox,
    owner: (number) => partitions[number],
    digest: simpleDigest,
  });
  return {
    conversations,
    services,
    partitions,
    reports,
    async crash() {
      for (const inbox of inboxes) inbox.close();
      await Promise.all(partitions.map((partition) => partition.close()));
      egress.close();
    },
  };
}

const noTools: Tools = {
  describe: async () => ({ tools: [], missing: [] }),
  call: async ({ name }) => ({ text: `no tool ${name}`, isError: true, code: "tool_not_found" }),
};

/** Agents that never change; only what the message path reads. */
function staticResources(agents: readonly Agent[]): ResourceStore {
  const byKey = new Map(agents.map((agent) => [`${agent.organization}/${agent.name}`, agent]));
  const organizations = new Set(agents.map(({ organization }) => organization));
  const unused = () => {
    throw new Error("This resource store only answers the message path.");
  };
  return {
    organization: (name) => (organizations.has(name) ? { kind: "Organization", name } : undefined),
    agent: (ref: AgentRef) => byKey.get(agentKey(ref)),
    provider: () => undefined,
    list: unused,
    apply: unused,
    delete: unused,
  };
}

/** Two 32-bit FNV-1a hashes; enough to tell test messages apart. */
function simpleDigest(text: string): string {
  let low = 0x811c9dc5;
  let high = 0xc59d1c81;
  for (let i = 0; i < text.length; i += 1) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ (text.charCodeAt(i) + i), 0x01000193);
  }
  return `${(low >>> 0).toString(36)}${(high >>> 0).toString(36)}`;
}
