import type { BenchCluster } from "../lib/cluster.ts";
import { partitionsOf, type PartitionView, pause } from "../lib/cluster-views.ts";

/** A change of a partition's owner, as seen over the API. Times of `performance.now()`. */
export interface Move {
  readonly partition: number;
  /** When the old owner was seen last. */
  readonly after: number;
  /** When the new one was seen first. */
  readonly before: number;
}

const lookMs = 20;

/** Looks at all partitions again and again until it is stopped. */
export class EpochWatch {
  readonly moves: Move[] = [];
  readonly #cluster: BenchCluster;
  readonly #done: Promise<void>;
  #last: readonly PartitionView[] = [];
  #isStopping = false;

  constructor(cluster: BenchCluster) {
    this.#cluster = cluster;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    let lookedAt = performance.now();
    while (!this.#isStopping) {
      const askedAt = performance.now();
      const found = await partitionsOf(this.#cluster.anyApi).catch(() => undefined);
      if (!found) {
        await pause(lookMs);
        continue;
      }
      const before = performance.now();
      for (const { partition, epoch } of found) {
        const was = this.#last.find((each) => each.partition === partition)?.epoch ?? epoch;
        if (epoch > was) this.moves.push({ partition, after: lookedAt, before });
      }
      this.#last = found;
      lookedAt = askedAt;
      await pause(lookMs);
    }
  }
}
