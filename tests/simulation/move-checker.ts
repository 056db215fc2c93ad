import { type Assignment, assignmentBucket, type Clock, decodeJson, limits } from "@holdfast/core";
import type { MemoryStore } from "@holdfast/engine";
import type { Cluster } from "./cluster.ts";
import type { RunRecord } from "./run-record.ts";
import { processName, type SimNode } from "./sim-node.ts";

interface Move extends Assignment {
  readonly at: number;
}

/** Longer ago than this, what was wrong with a node explains nothing any more. */
const excuseMs = 6_000;
/** A node that ran for this long was heard of, unless it was cut off. */
const surelyHeardMs = 1_500;

/** How long a process served between two moments. */
function heardMs(
  { servesSince = Number.POSITIVE_INFINITY, endedAt = Number.POSITIVE_INFINITY }: SimNode,
  from: number,
  to: number,
) {
  return Math.min(to, endedAt) - Math.max(from, servesSince);
}

/** Sees every assignment at the moment it is stored. */
export class MoveChecker {
  readonly #record: RunRecord;
  readonly #clock: Clock;
  readonly #cluster: Cluster;
  readonly #last = new Map<number, Move>();
  readonly #nodes = new Map<string, string>();

  constructor(record: RunRecord, clock: Clock, cluster: Cluster) {
    this.#record = record;
    this.#clock = clock;
    this.#cluster = cluster;
  }

  /** To whom an epoch of a partition was assigned. */
  readonly nodeOf = (partition: number, epoch: number): string | undefined =>
    this.#nodes.get(`${partition}.${epoch}`);

  attach(store: MemoryStore): void {
    const bucket = store.buckets.get(assignmentBucket);
    if (!bucket) throw new Error("There is no bucket of assignments.");
    bucket.onChange(({ key, value }) => {
      const partition = Number(key.slice("partition.".length));
      if (!value) return this.#record.violate(`the assignment of ${partition} was deleted`);
      this.#moved(partition, decodeJson<Assignment>(value, key), store.actor);
    });
  }

  #moved(partition: number, to: Assignment, by: string): void {
    const now = this.#clock.monotonic();
    const before = this.#last.get(partition);
    this.#last.set(partition, { ...to, at: now });
    this.#nodes.set(`${partition}.${to.epoch}`, to.node);
    this.#record.count(to.from === undefined ? "placed" : "moved in good order");
    this.#record.note(
      `${by} gives partition ${partition} to ${to.node} (epoch ${to.epoch}${to.from ? `, from ${to.from}` : ""})`,
    );
    if (!before) return;
    if (to.epoch !== before.epoch + 1) {
      this.#record.violate(`partition ${partition} got epoch ${to.epoch} after ${before.epoch}`);
    }
    const isSoon = before.epoch > 1 && now - before.at < limits.moveRestMs;
    if (!isSoon || to.node === before.node || !this.#isWell(before.node, now)) return;
    if (this.#isReasonFor(by, before.at)) this.#record.count("moved again for a new node");
    else {
      this.#record.violate(
        `partition ${partition} was moved ${now - before.at} ms after it came to ${before.node}, which was well`,
      );
    }
  }

  /**
   * Whether the coordinator knows of no rest: it has started since the move, or a node has come since that
   * it had not heard of before, which gets its share at once.
   */
  #isReasonFor(by: string, since: number): boolean {
    const { processes } = this.#cluster;
    const coordinator = processes.find((node) => processName(node) === by);
    if (!coordinator || coordinator.startedAt >= since) return true;
    const known = new Set(
      processes
        .filter((node) => heardMs(node, coordinator.startedAt, since) > surelyHeardMs)
        .map(({ name }) => name),
    );
    return processes.some(({ name, endedAt }) => !known.has(name) && (endedAt ?? since) >= since);
  }

  /** True when nothing is known that could have forced its partitions away. */
  #isWell(name: string, now: number): boolean {
    const member = this.#cluster.member(name);
    const node = this.#cluster.processOf(member);
    const isServing = node?.state === "ready" && !node.isPaused && node.cut === undefined;
    return isServing && !member.isDrained && now - node.unwellAt > excuseMs;
  }
}
