import { type Clock, delay, limits } from "@holdfast/core";
import type { Cluster } from "./cluster.ts";
import type { RunRecord } from "./run-record.ts";
import { processName, type SimNode } from "./sim-node.ts";

export interface WatchOptions {
  readonly clock: Clock;
  readonly record: RunRecord;
  readonly cluster: Cluster;
}

const lookEveryMs = 250;
/** Beyond the silence of a node that is cut off: its next look, and what it still does meanwhile. */
const graceMs = 900;

/** Looks at every running node all the time: its limits hold, and it owns nothing while it is cut off. */
export class Watch {
  readonly #options: WatchOptions;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async run(isOver: () => boolean): Promise<void> {
    const { clock, cluster } = this.#options;
    while (!isOver()) {
      await delay(clock, lookEveryMs);
      for (const node of cluster.alive) {
        this.#checkLimits(node);
        this.#checkCut(node);
      }
    }
  }

  #checkLimits(node: SimNode): void {
    if (!node.path) return;
    const { pending, scheduler } = node.path;
    const accepted = Map.groupBy(pending.accepted(), ({ conversation }) => conversation);
    for (const [conversation, { length }] of accepted) {
      // Programs and chats write to the same conversations; those of chats are let in for longer.
      this.#atMost(node, `messages accepted for ${conversation}`, length, limits.chatPending);
    }
    this.#atMost(node, "turns in flight", scheduler.inFlight, limits.turnsInFlight);
  }

  #checkCut(node: SimNode): void {
    const { clock, record } = this.#options;
    const open = node.path?.ownership.open() ?? [];
    const forMs = clock.monotonic() - node.unwellAt;
    if (
      node.cut === undefined ||
      node.isPaused ||
      open.length === 0 ||
      forMs < limits.nodeSilenceMaxMs + graceMs
    )
      return;
    const numbers = open.map(({ number }) => number).join(" ");
    record.violate(`${processName(node)} owns ${numbers} after ${forMs} ms of being cut off`);
  }

  #atMost(node: SimNode, what: string, found: number, limit: number): void {
    if (found <= limit) return;
    this.#options.record.violate(
      `${processName(node)} has ${found} ${what}; the limit is ${limit}`,
    );
  }
}
