import { HoldfastError, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyChange, KeyValue, Watch } from "../ports/key-value.ts";
import {
  clusterBucket,
  coordinatorKey,
  decodeJson,
  encodeJson,
  nodeKey,
  type NodeRecord,
  startKey,
} from "./records.ts";
import { recordStart } from "./process-start.ts";

/** Who coordinates: the value of `coordinator`. */
export interface CoordinatorRecord {
  readonly node: NodeId;
  /** Rises with every change. */
  readonly term: number;
}

interface Seen<T> {
  readonly value: T;
  readonly revision: number;
}

export interface MembershipOptions {
  readonly keyValue: KeyValue;
  readonly clock: Clock;
  /** This node. */
  readonly node: NodeId;
  /** A random name of this process. */
  readonly process: string;
}

/** The cluster's members and coordinator, kept true by a watch. */
export class Membership {
  readonly #keyValue: KeyValue;
  readonly #ownStartKey: string;
  /** The revision under which this process wrote down its start. */
  readonly #startedAs: number;
  readonly #outlived = Promise.withResolvers<void>();
  readonly #nodes = new Map<NodeId, Seen<NodeRecord>>();
  readonly #listeners = new Set<() => void>();
  #coordinator: Seen<CoordinatorRecord> | undefined;
  #coordinatorSeenAt = Number.NEGATIVE_INFINITY;
  /** Nodes that joined while this one looked, and when, in monotonic milliseconds. */
  readonly #joinedAt = new Map<NodeId, number>();
  readonly #clock: Clock;
  #isOpen = false;
  #watch: Watch | undefined;

  private constructor({ keyValue, clock, node }: MembershipOptions, startedAs: number) {
    this.#keyValue = keyValue;
    this.#clock = clock;
    this.#ownStartKey = startKey(node);
    this.#startedAs = startedAs;
  }

  /** From here on the node's earlier processes end. Errors: those of the port. */
  static async open(options: MembershipOptions): Promise<Membership> {
    const { keyValue, node, process } = options;
    const membership = new Membership(options, await recordStart(keyValue, node, process));
    membership.#watch = await keyValue.watch(clusterBucket, "", (change) =>
      membership.#take(change),
    );
    membership.#isOpen = true;
    return membership;
  }

  onChange(listen: () => void): void {
    this.#listeners.add(listen);
  }

  /** Resolves when a later process of this node has started: this one must end. */
  get outlived(): Promise<void> {
    return this.#outlived.promise;
  }

  /** Every node that ever joined and was not removed, by name. */
  get nodes(): readonly NodeRecord[] {
    return [...this.#nodes.values()]
      .map(({ value }) => value)
      .filter(({ state }) => state !== "removed")
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** Nodes that were taken out for good, by name. */
  get removed(): readonly NodeId[] {
    return [...this.#nodes.values()]
      .filter(({ value }) => value.state === "removed")
      .map(({ value }) => value.node)
      .sort();
  }

  get(node: string): NodeRecord | undefined {
    const record = this.#nodes.get(node as NodeId)?.value;
    return record?.state === "removed" ? undefined : record;
  }

  /** When the newest member joined, if that was since this node looks; monotonic milliseconds. */
  get newestJoinAt(): number {
    return Math.max(Number.NEGATIVE_INFINITY, ...this.#joinedAt.values());
  }

  get coordinator(): CoordinatorRecord | undefined {
    return this.#coordinator?.value;
  }

  /** When this node saw the newest change of the coordinator, in monotonic milliseconds. */
  get coordinatorSeenAt(): number {
    return this.#coordinatorSeenAt;
  }

  /** Takes the coordination over if nobody did since it was seen last. Returns the term, or undefined. */
  async claim(node: NodeId): Promise<number | undefined> {
    const term = (this.#coordinator?.value.term ?? 0) + 1;
    const record: CoordinatorRecord = { node, term };
    const seen = this.#coordinator?.revision ?? 0;
    try {
      const revision = await this.#keyValue.update(
        clusterBucket,
        coordinatorKey,
        encodeJson(record),
        seen,
      );
      this.#see(record, revision);
      return term;
    } catch (thrown) {
      const { code } = toHoldfastError(thrown);
      // Another was first, or it may have been this one: the watch tells.
      if (code === "revision_conflict" || code === "append_outcome_unknown") return undefined;
      throw thrown;
    }
  }

  /**
   * Writes what `change` makes of a node's record; undefined leaves it. Errors: `node_not_found` when
   * `change` is given none and makes none, `revision_conflict` after too many tries, those of the port.
   */
  async update(
    node: NodeId,
    change: (record: NodeRecord | undefined) => NodeRecord | undefined,
  ): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const found = await this.#keyValue.get(clusterBucket, nodeKey(node));
      const before = found && decodeJson<NodeRecord>(found.value, nodeKey(node));
      const after = change(before);
      if (after === undefined) return;
      try {
        await this.#keyValue.update(
          clusterBucket,
          nodeKey(node),
          encodeJson(after),
          found?.revision ?? 0,
        );
        return;
      } catch (thrown) {
        const { code } = toHoldfastError(thrown);
        const mayRepeat = code === "revision_conflict" || code === "append_outcome_unknown";
        if (!mayRepeat || tries >= limits.clusterWriteAttempts) throw thrown;
      }
    }
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  #take({ key, value, revision }: KeyChange): void {
    if (key === coordinatorKey && value) this.#see(decodeJson(value, key), revision);
    else if (key.startsWith("node.")) this.#takeNode(key.slice("node.".length), value, revision);
    else if (key === this.#ownStartKey && value && revision > this.#startedAs) {
      return this.#outlived.resolve();
    } else return;
    for (const listen of this.#listeners) listen();
  }

  #takeNode(node: string, value: Uint8Array | undefined, revision: number): void {
    const isNew = this.#isOpen && !this.#nodes.has(node as NodeId);
    if (isNew) this.#joinedAt.set(node as NodeId, this.#clock.monotonic());
    if (value) this.#nodes.set(node as NodeId, { value: decodeJson(value, node), revision });
    else this.#nodes.delete(node as NodeId);
  }

  #see(record: CoordinatorRecord, revision: number): void {
    if (revision <= (this.#coordinator?.revision ?? 0)) return;
    this.#coordinator = { value: record, revision };
    this.#coordinatorSeenAt = this.#clock.monotonic();
  }
}

/** Errors: `node_not_found`. */
export function foundNode(record: NodeRecord | undefined, name: string): NodeRecord {
  if (record && record.state !== "removed") return record;
  throw new HoldfastError(
    "node_not_found",
    `There is no node ${JSON.stringify(name.slice(0, 80))}.`,
  );
}
