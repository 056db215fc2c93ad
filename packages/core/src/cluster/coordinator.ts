import { accountKey, type AccountAssignments } from "../channels/account-assignments.ts";
import type { AccountRegistry } from "../channels/account-registry.ts";
import { placeAccounts, type PlacedAccount } from "../channels/place-accounts.ts";
import { type HoldfastError, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { defaultPlacementPolicy, planPlacement } from "../placement/place.ts";
import { LoadHistory } from "./load-history.ts";
import { fillEmptyNodes } from "../placement/fill-empty.ts";
import type {
  PlacementInput,
  PlacementMove,
  PlacementNode,
  PlacementPartition,
} from "../placement/types.ts";
import type { Cancel, Clock } from "../ports/clock.ts";
import type { Account } from "../resources.ts";
import type { Assignments } from "./assignments.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Membership } from "./membership.ts";
import type { Assignment, NodeRecord } from "./records.ts";

export interface CoordinatorOptions {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly membership: Membership;
  readonly heartbeats: Heartbeats;
  readonly assignments: Assignments;
  readonly report: (error: HoldfastError, where: string) => void;
  /** The channel accounts; absent where there are no channels. */
  readonly accounts?: {
    readonly assignments: AccountAssignments;
    readonly registry: AccountRegistry;
    /** The owner of the partition of the account's own agent. */
    readonly agentNode: (account: Account) => NodeId | undefined;
  };
}

/**
 * Places the partitions while this node holds the coordination. Safety never depends on it: whatever two
 * coordinators write, the journal lets one owner write. So the coordination needs no renewal: it is
 * taken over by compare-and-set when its holder is silent, by whoever may coordinate.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #loads = new LoadHistory();
  /** When each partition was moved, in monotonic milliseconds. */
  readonly #movedAt = new Map<number, number>();
  #term: number | undefined;
  #startedAt = 0;
  #rebalancedAt = Number.NEGATIVE_INFINITY;
  #timer: Cancel | undefined;
  #running = false;
  #again = false;
  #closed = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  start(): void {
    const { membership, heartbeats, assignments, clock } = this.#options;
    this.#startedAt = clock.monotonic();
    membership.onChange(() => this.wake());
    this.#options.accounts?.registry.onChange(() => this.wake());
    heartbeats.onChange(() => this.wake());
    // Whoever moved it: it rests.
    assignments.onChange((partition) => this.#movedAt.set(partition, clock.monotonic()));
    this.#tick();
  }

  get isLeading(): boolean {
    const { membership, node } = this.#options;
    const holder = membership.coordinator;
    return this.#term !== undefined && holder?.node === node && holder.term === this.#term;
  }

  /** Looks again soon, because something changed. */
  wake(): void {
    if (this.#running) this.#again = true;
    else if (!this.#closed) void this.#rounds();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.();
  }

  #tick(): void {
    this.wake();
    this.#timer = this.#options.clock.schedule(limits.coordinatorRoundMs, () => this.#tick());
  }

  async #rounds(): Promise<void> {
    this.#running = true;
    try {
      do {
        this.#again = false;
        await this.#round();
      } while (this.#again && !this.#closed);
    } catch (thrown) {
      this.#options.report(toHoldfastError(thrown), "coordination");
    } finally {
      this.#running = false;
    }
  }

  async #round(): Promise<void> {
    const { heartbeats } = this.#options;
    if (heartbeats.isCutOff || this.#closed) return;
    this.#noteLoads();
    if (!(await this.#lead())) return;
    await this.#place();
    await this.#keepRecords();
  }

  /** Whoever may coordinate knows the loads before it does. */
  #noteLoads(): void {
    const { membership, heartbeats, clock } = this.#options;
    const now = clock.monotonic();
    for (const { node } of membership.nodes) {
      const load = heartbeats.load(node);
      if (load && heartbeats.isAlive(node)) this.#loads.note(node, load, now);
    }
  }

  async #lead(): Promise<boolean> {
    if (this.isLeading) return true;
    this.#term = undefined;
    const { membership, heartbeats, node, clock } = this.#options;
    const record = membership.get(node);
    if (!record || heartbeats.isLeaving(node)) return false;
    const holder = membership.coordinator;
    const isHeld = holder !== undefined && holder.node !== node;
    if (isHeld && this.#mayLive(holder.node, limits.nodeSilenceMs)) return false;
    // Who took it over a moment ago lives, though no heartbeat may have come through a mended cut yet:
    // two who hold each other for dead would take it from each other as fast as the store writes.
    const seenMs = clock.monotonic() - membership.coordinatorSeenAt;
    if (isHeld && seenMs < limits.nodeSilenceMs) return false;
    this.#term = await membership.claim(node);
    if (isHeld) this.#restAll();
    return this.isLeading;
  }

  /** What the last coordinator moved is not known here: nothing moves again for a while. */
  #restAll(): void {
    const { assignments, clock } = this.#options;
    for (let partition = 0; partition < assignments.count; partition += 1) {
      this.#movedAt.set(partition, clock.monotonic());
    }
  }

  /** A node that was not heard of yet has as long as a start takes to show that it lives. */
  #mayLive(node: NodeId, patienceMs: number = limits.nodeStartMs): boolean {
    const { heartbeats, membership, clock } = this.#options;
    if (!membership.get(node)) return false;
    const presence = heartbeats.presence(node);
    if (presence !== "unknown") return presence === "alive";
    return clock.monotonic() - this.#startedAt < patienceMs;
  }

  async #place(): Promise<void> {
    const { membership, assignments, clock } = this.#options;
    const now = clock.monotonic();
    const members = membership.nodes;
    const { held, candidates } = this.#sortMembers(members);
    const usable = candidates.filter((record) => this.#isUsable(record));
    if (usable.length === 0) return;
    const nodes = candidates.map((record) => this.#placementNode(record, usable));
    const partitions: PlacementPartition[] = [];
    for (let partition = 0; partition < assignments.count; partition += 1) {
      const owner = assignments.of(partition)?.node;
      if (owner !== undefined && held.has(owner)) continue;
      partitions.push(this.#placementPartition(partition, owner, now));
    }
    const isRebalance = now - this.#rebalancedAt >= limits.rebalanceIntervalMs;
    if (isRebalance) this.#rebalancedAt = now;
    const input: PlacementInput = {
      nodes,
      partitions,
      policy: { ...defaultPlacementPolicy, maxMoves: isRebalance ? limits.rebalanceMoves : 0 },
    };
    const { moves } = planPlacement(input);
    const chosen = moves.length > 0 ? moves : fillEmptyNodes(input);
    for (const move of chosen) await this.#move(move);
    await this.#placeAccounts(usable, held, isRebalance);
  }

  /** A rebalancing moves at most one account; those without an owner never wait. */
  async #placeAccounts(
    usable: readonly NodeRecord[],
    held: ReadonlySet<NodeId>,
    isRebalance: boolean,
  ): Promise<void> {
    const { accounts, heartbeats } = this.#options;
    if (!accounts) return;
    const { assignments, registry, agentNode } = accounts;
    const declared: PlacedAccount[] = [];
    for (const account of registry.declared()) {
      const key = accountKey(account);
      declared.push({
        key,
        region: account.region,
        agentNode: agentNode(account),
        assignment: assignments.of(key),
      });
    }
    for (const { key, to } of placeAccounts(declared, usable, held, isRebalance)) {
      if (this.#closed || !this.isLeading) return;
      const before = assignments.of(key);
      const isOrderly = before !== undefined && heartbeats.isAlive(before.node);
      const isMoved = await assignments.assign(key, {
        node: to,
        epoch: (before?.epoch ?? 0) + 1,
        ...(isOrderly && { from: before.node }),
      });
      if (!isMoved) this.#lookSoon();
    }
  }

  /** What a node says of itself may have changed with its last start. */
  async #keepRecords(): Promise<void> {
    const { membership, heartbeats } = this.#options;
    for (const { node, url, version } of membership.nodes) {
      const about = heartbeats.about(node);
      if (!about || (about.url === url && about.version === version)) continue;
      const facts = { url: about.url, version: about.version };
      await membership.update(node, (record) => record && { ...record, ...facts });
    }
  }

  #isUsable({ node, state }: NodeRecord): boolean {
    const { heartbeats } = this.#options;
    return state === "active" && heartbeats.isAlive(node) && !heartbeats.isLeaving(node);
  }

  /**
   * Nodes that were not heard of yet, and those that came back lately, keep what they have and get nothing:
   * a node that comes and goes must not draw partitions each time.
   */
  #sortMembers(members: readonly NodeRecord[]) {
    const { heartbeats } = this.#options;
    const isSteady = ({ node }: NodeRecord) => heartbeats.steadyMs(node) >= limits.nodeProbationMs;
    const isAnySteady = members.some((record) => this.#isUsable(record) && isSteady(record));
    const isHeld = (record: NodeRecord) =>
      heartbeats.isAlive(record.node)
        ? isAnySteady && this.#isUsable(record) && !isSteady(record)
        : this.#mayLive(record.node);
    return {
      held: new Set(members.filter(isHeld).map(({ node }) => node)),
      candidates: members.filter((record) => !isHeld(record)),
    };
  }

  #placementNode(record: NodeRecord, usable: readonly NodeRecord[]): PlacementNode {
    const { node, zone, labels, capacity } = record;
    return {
      node,
      zone,
      labels,
      isAvailable: usable.includes(record),
      ...this.#loads.node(node, capacity),
    };
  }

  #placementPartition(
    partition: number,
    owner: NodeId | undefined,
    now: number,
  ): PlacementPartition {
    const movedAt = this.#movedAt.get(partition) ?? Number.NEGATIVE_INFINITY;
    // A node that is new gets its share at once; one that comes and goes is not new.
    const newest = this.#options.membership.newestJoinAt;
    return {
      partition,
      cost: this.#loads.partition(partition),
      owner,
      requires: {},
      isMovable: movedAt < newest || now - movedAt >= limits.moveRestMs,
    };
  }

  async #move({ partition, from, to }: PlacementMove): Promise<void> {
    const { assignments, heartbeats, clock } = this.#options;
    if (this.#closed || !this.isLeading) return;
    const before = assignments.of(partition);
    // The plan was made for another owner: a start's first look, or somebody else's move.
    if (before?.node !== from) return this.#lookSoon();
    const isOrderly = before !== undefined && heartbeats.isAlive(before.node);
    const assignment: Assignment = {
      node: to,
      epoch: (before?.epoch ?? 0) + 1,
      ...(isOrderly && { from: before.node }),
    };
    const isMoved = await assignments.assign(partition, assignment);
    // Also when the answer was lost: it may have moved.
    if (before) this.#movedAt.set(partition, clock.monotonic());
    if (!isMoved) this.#lookSoon();
  }

  /** Not at once: while the watch is behind, what it shows cannot be written, however often. */
  #lookSoon(): void {
    this.#options.clock.schedule(limits.failureCheckMs, () => this.wake());
  }
}
