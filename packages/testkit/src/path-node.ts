import {
  type Account,
  type Agent,
  type AgentRef,
  type Assignment,
  agentKey,
  assignmentBucket,
  type Channel,
  type Clock,
  clusterBucket,
  createNodeRuntime,
  type Engine,
  encodeJson,
  type HoldfastError,
  type Model,
  type NodeId,
  type NodeRecord,
  type NodeRole,
  type NodeRuntime,
  nodeKey,
  ownRecord,
  partitionKey,
  type Random,
  type ReachFailpoint,
  type ResourceStore,
  storagePlan,
  toHoldfastError,
  type Tools,
} from "@holdfast/core";

export interface PathNodeOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly model: Model;
  readonly agents: readonly Agent[];
  readonly tools?: Tools;
  /** Channels, and the accounts on them. */
  readonly channels?: ReadonlyMap<string, Channel>;
  readonly accounts?: readonly Account[];
  readonly reach?: ReachFailpoint;
  readonly node?: string;
  readonly partitions?: number;
  /**
   * Without a coordinator the node takes all partitions with this epoch, whoever has them; it must rise
   * with every node on the same data. Absent: a coordinator among the nodes places the partitions.
   */
  readonly epoch?: number;
  /** `store` when absent; a compute node may not coordinate. */
  readonly role?: NodeRole;
  readonly report?: (error: HoldfastError, where: string) => void;
}

/** A node on any engine, without HTTP. */
export interface PathNode extends NodeRuntime {
  readonly name: NodeId;
  /** What the node reported, newest last. */
  readonly reports: readonly HoldfastError[];
}

export async function startPathNode(options: PathNodeOptions): Promise<PathNode> {
  const node = await createPathNode(options);
  try {
    await node.start();
  } catch (thrown) {
    await node.close();
    throw thrown;
  }
  return node;
}

/** A node that takes part once it is started. */
export async function createPathNode(options: PathNodeOptions): Promise<PathNode> {
  const { engine, clock, random, model, epoch, role = "store" } = options;
  const count = options.partitions ?? 2;
  const name = (options.node ?? `node-${epoch}`) as NodeId;
  const reports: HoldfastError[] = [];
  await engine.provision(storagePlan(count));
  const about = { url: `http://${name}.test`, version: "0.0.0" };
  await join(engine, ownRecord({ node: name, role, ...about }, clock));
  if (epoch !== undefined) await assignAll(engine, count, { node: name, epoch });
  const runtime = await createNodeRuntime({
    engine,
    clock,
    random,
    node: name,
    about,
    partitions: count,
    mayCoordinate: epoch === undefined && role === "store",
    machineLoad: () => ({
      cpu: 0,
      cores: 1,
      memoryBytes: 0,
      memoryLimitBytes: 1,
      loopDelayMs: 0,
    }),
    resources: staticResources(options.agents, options.accounts ?? []),
    ...(options.channels && { channels: { channels: options.channels, secret: () => "secret" } }),
    model,
    tools: options.tools ?? noTools,
    instructionsOf: (agent) => agent.instructions ?? "",
    digest: simpleDigest,
    reach: options.reach ?? (() => undefined),
    report: (error, where) => {
      reports.push(error);
      options.report?.(error, where);
    },
  });
  return { ...runtime, name, reports };
}

/** A node that was a member before stays what it was: it may be draining. */
async function join({ keyValue }: Engine, record: NodeRecord): Promise<void> {
  try {
    await keyValue.update(clusterBucket, nodeKey(record.node), encodeJson(record), 0);
  } catch (thrown) {
    if (toHoldfastError(thrown).code !== "revision_conflict") throw thrown;
  }
}

async function assignAll(engine: Engine, count: number, assignment: Assignment): Promise<void> {
  for (let partition = 0; partition < count; partition += 1) {
    await engine.keyValue.put(assignmentBucket, partitionKey(partition), encodeJson(assignment));
  }
}

const noTools: Tools = {
  describe: async () => ({ tools: [], missing: [] }),
  call: async ({ name }) => ({ text: `no tool ${name}`, isError: true, code: "tool_not_found" }),
};

/** Agents and accounts that never change; only what the message path reads. */
function staticResources(agents: readonly Agent[], accounts: readonly Account[]): ResourceStore {
  const byKey = new Map(agents.map((agent) => [`${agent.organization}/${agent.name}`, agent]));
  const organizations = new Set(agents.map(({ organization }) => organization));
  const unused = () => {
    throw new Error("This resource store only answers the message path.");
  };
  return {
    organization: (name) => (organizations.has(name) ? { kind: "Organization", name } : undefined),
    agent: (ref: AgentRef) => byKey.get(agentKey(ref)),
    provider: () => undefined,
    account: (organization, name) =>
      accounts.find((each) => each.organization === organization && each.name === name),
    identityLink: () => undefined,
    onChange: () => () => {},
    list(kind) {
      if (kind === "Agent") return { items: agents };
      return { items: kind === "Account" ? accounts : [] };
    },
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
