import { Assignments } from "./cluster/assignments.ts";
import type { ClusterAdmin } from "./cluster/cluster-admin.ts";
import { Coordinator } from "./cluster/coordinator.ts";
import { createClusterAdmin } from "./cluster/create-cluster-admin.ts";
import { Heartbeats, type NodeFacts } from "./cluster/heartbeats.ts";
import { Membership } from "./cluster/membership.ts";
import { Ownership } from "./cluster/ownership.ts";
import type { NodeLoad, NodeRecord } from "./cluster/records.ts";
import type { AccountAssignments } from "./channels/account-assignments.ts";
import { type ChannelParts, type Channels, createChannels } from "./channels/create-channels.ts";
import type { HoldfastError } from "./errors.ts";
import { type AgentRef, type NodeId, parseConversationKey } from "./ids.ts";
import { limits } from "./limits.ts";
import { Awaited } from "./path/awaited.ts";
import { Checkpoints } from "./path/checkpoints.ts";
import { AppendGate } from "./path/commit-queue.ts";
import { ConversationReader } from "./path/conversation-reader.ts";
import { DeadLetters } from "./path/dead-letters.ts";
import { Egress } from "./path/egress.ts";
import { HandedSteps } from "./path/handed-steps.ts";
import { HistoryPages } from "./path/history.ts";
import { Ingress } from "./path/ingress.ts";
import type { OwnerServices } from "./path/owner-services.ts";
import { Owners } from "./path/owners.ts";
import { Pending } from "./path/pending.ts";
import { partitionOf } from "./path/router.ts";
import { TurnScheduler } from "./path/turn-scheduler.ts";
import type { Clock } from "./ports/clock.ts";
import type { Engine } from "./ports/engine.ts";
import type { ReachFailpoint } from "./ports/failpoints.ts";
import type { Model } from "./ports/model.ts";
import type { Random } from "./ports/random.ts";
import type { Tools } from "./ports/tools.ts";
import type { ResourceStore } from "./resource-store.ts";
import type { Account, Agent } from "./resources.ts";

const processNameLength = 20;

/** What the process measures of itself. */
export type MachineLoad = Pick<
  NodeLoad,
  "cpu" | "cores" | "memoryBytes" | "memoryLimitBytes" | "loopDelayMs"
>;

export interface NodeParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly node: NodeId;
  readonly about: NodeFacts;
  readonly partitions: number;
  readonly turnCapacity?: number;
  /** Whether it may write assignments and the records of nodes. */
  readonly mayCoordinate: boolean;
  readonly machineLoad: () => MachineLoad;
  readonly resources: ResourceStore;
  readonly model: Model;
  /** Gets the conversations that its tools write to. */
  readonly tools: Tools;
  readonly instructionsOf: (agent: Agent) => string;
  /** A collision-resistant hash in letters and digits. */
  readonly digest: (text: string) => string;
  /** Absent where there are no channels. */
  readonly channels?: ChannelParts;
  readonly reach: ReachFailpoint;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** A node without HTTP, files and processes: the message path and its part in the cluster. */
export interface NodeRuntime {
  readonly conversations: Ingress;
  readonly admin: ClusterAdmin;
  readonly membership: Membership;
  readonly heartbeats: Heartbeats;
  readonly ownership: Ownership;
  readonly coordinator: Coordinator;
  readonly channels?: Channels;
  readonly pending: Pending;
  readonly scheduler: TurnScheduler;
  readonly services: OwnerServices;
  /**
   * Begins to take part; resolves when the partitions have owners and this node's are open. May be called
   * again to wait for longer. Errors: those of an opening that will not succeed, `engine_unavailable`.
   */
  start(): Promise<void>;
  /** Lets others take the partitions, if there are others; then stops. */
  leave(): Promise<void>;
  /** Stops at once. */
  close(): Promise<void>;
}

/**
 * Puts a node together on its ports. Its record must be in the bucket `cluster`. Errors: those of the
 * engine.
 */
export async function createNodeRuntime(parts: NodeParts): Promise<NodeRuntime> {
  const { engine, clock, node, partitions: count } = parts;
  const { keyValue, blobStore: blobs, bus } = engine;
  const process = parts.random.token(processNameLength);
  const membership = await Membership.open({ keyValue, clock, node, process });
  const assignments = await Assignments.open(keyValue, count);
  const pending = new Pending();
  const scheduler = new TurnScheduler(parts.turnCapacity);
  // Heartbeats begin after they are there.
  const accounts: { assignments?: AccountAssignments } = {};
  const heartbeats = new Heartbeats({
    ...parts,
    bus,
    load: sampleLoad,
    catchUp: async () => {
      await Promise.all([assignments.refresh(), accounts.assignments?.refresh()]);
    },
  });
  const egress = new Egress({
    node,
    bus,
    clock,
    report: parts.report,
    ownerOf: (key) => assignments.of(partitionOf(parseConversationKey(key), count))?.node,
  });
  const history = new HistoryPages(keyValue, blobs);
  const deadLetters = new DeadLetters(keyValue);
  const handed = new HandedSteps({
    ...parts,
    bus,
    blobs,
    isAlive: (other) => heartbeats.isAlive(other),
  });
  const channels =
    parts.channels &&
    (await createChannels({
      ...parts,
      ...parts.channels,
      heartbeats,
      nodes: () => membership.nodes.map(({ node: other }) => other),
      conversations: () => conversations,
    }));
  if (channels) accounts.assignments = channels.assignments;
  const { channels: _, ...own } = parts;
  const services: OwnerServices = {
    ...own,
    blobs,
    gate: new AppendGate((run) => clock.soon(run)),
    scheduler,
    pending,
    egress,
    checkpoints: new Checkpoints(keyValue, blobs),
    history,
    deadLetters,
    handed,
    ...(channels && { channels: channels.outgoing }),
    stillAlive: () => heartbeats.stillAlive(),
  };
  const ownership = new Ownership({
    services,
    assignments,
    heartbeats,
    onOpened: (partition) => {
      egress.renewWatches((key) => partitionOf(parseConversationKey(key), count) === partition);
      awaited.ownerChanged(partition);
    },
  });
  const { inbox, owner } = ownership;
  const owners = new Owners({
    ...parts,
    bus,
    owner,
    // The dead give no answer that a caller would have to wait for.
    ownerNode: (partition) => {
      const found = ownership.ownerNode(partition);
      return found !== undefined && heartbeats.isAlive(found) ? found : undefined;
    },
  });
  const reader = new ConversationReader({
    owners,
    history,
    blobs,
    holds: (ref) => pending.holds(ref),
  });
  const awaited = new Awaited({ ...services, partitions: count, owners, reader });
  const conversations = new Ingress({
    ...services,
    digest: parts.digest,
    partitions: count,
    inbox,
    owners,
    reader,
    awaited,
  });
  const coordinator = new Coordinator({
    ...parts,
    membership,
    heartbeats,
    assignments,
    ...(channels && {
      accounts: {
        assignments: channels.assignments,
        registry: channels.registry,
        agentNode: ({ organization, agent = "" }: Account) =>
          assignments.of(partitionOf({ organization, agent } as AgentRef, count))?.node,
      },
    }),
  });

  let isStarted = false;

  function sampleLoad(): Omit<NodeLoad, "roundTripMs"> {
    const loads = ownership.loads();
    const perSecond = loads.reduce((sum, { turnsPerSecond }) => sum + turnsPerSecond, 0);
    const latency = loads.reduce((sum, load) => sum + load.turnLatencyMs * load.turnsPerSecond, 0);
    return {
      ...parts.machineLoad(),
      turnsInFlight: scheduler.inFlight,
      turnCapacity: parts.turnCapacity ?? limits.turnsInFlight,
      turnLatencyMs: perSecond === 0 ? 0 : latency / perSecond,
      turnsPerSecond: perSecond,
      partitions: loads,
    };
  }

  function isAnyOtherAlive(): boolean {
    const isOther = (other: NodeRecord) => other.node !== node && heartbeats.isAlive(other.node);
    return !heartbeats.isCutOff && membership.nodes.some(isOther);
  }

  async function close(): Promise<void> {
    coordinator.close();
    await ownership.close();
    await channels?.close();
    handed.close();
    heartbeats.close();
    awaited.close();
    owners.close();
    egress.close();
    await Promise.all([membership.close(), assignments.close()]);
  }

  return {
    conversations,
    admin: createClusterAdmin({
      membership,
      heartbeats,
      assignments,
      mayChange: parts.mayCoordinate,
    }),
    membership,
    heartbeats,
    ownership,
    coordinator,
    ...(channels && { channels }),
    pending,
    scheduler,
    services,
    async start() {
      if (!isStarted) {
        isStarted = true;
        heartbeats.start();
        ownership.start();
        channels?.owners.start();
        if (parts.mayCoordinate) coordinator.start();
      }
      await ownership.settled();
    },
    async leave() {
      heartbeats.leave();
      const deadline = clock.monotonic() + limits.leaveMs;
      const mayWait = () => isAnyOtherAlive() && clock.monotonic() < deadline;
      const holdsAny = () => ownership.holdsAny() || channels?.owners.holdsAny() === true;
      while (holdsAny() && mayWait()) await ownership.changed(limits.failureCheckMs);
      await close();
    },
    close,
  };
}

/** The record that the first node of a cluster, or a node on an external engine, makes of itself. */
export function ownRecord(
  facts: NodeFacts & Pick<NodeRecord, "node" | "role"> & Partial<NodeRecord>,
  clock: Clock,
): NodeRecord {
  return { state: "active", zone: "", labels: {}, capacity: 1, joinedAt: clock.now(), ...facts };
}
