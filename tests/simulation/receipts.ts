import { type Clock, delay, parseConversationKey, type Random } from "@holdfast/core";

import type { Cluster } from "./cluster.ts";
import type { RunRecord } from "./run-record.ts";
import { call } from "./sim-node.ts";
import { platformIdOf, simAccount, type SimPlatform, sourceOf } from "./sim-platform.ts";

export interface ReceiptsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RunRecord;
  readonly cluster: Cluster;
  readonly platform: SimPlatform;
}

const pauseMs = 1000;

/** The platform tells any node what people have got and read, some of it twice. */
export class Receipts {
  readonly #options: ReceiptsOptions;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  async run(isOver: () => boolean): Promise<void> {
    const { clock, random } = this.#options;
    while (!isOver()) {
      await delay(clock, Math.floor(random.next() * pauseMs));
      await this.#tellOne();
    }
  }

  async #tellOne(): Promise<void> {
    const { clock, random, record, cluster, platform } = this.#options;
    const piece = platform.someSeen(random);
    const { serving } = cluster;
    const node = serving[Math.floor(random.next() * serving.length)];
    if (!piece || !node) return;
    const ref = parseConversationKey(piece.chat);
    const state = random.next() < 0.5 ? "delivered" : "read";
    const { key } = piece;
    const news = {
      type: "receipt" as const,
      account: simAccount.name,
      messageId: platformIdOf(key),
      key,
      state,
      at: clock.now(),
    } as const;
    const told = call(node, ({ conversations }) =>
      conversations.submit({
        ...ref,
        content: { type: "delivery", news },
        key: `receipt.${key}.${state}`,
        source: sourceOf(ref),
      }),
    );
    // A platform that hears of trouble tells it again, or never.
    await told.then(
      () => record.count("receipt"),
      () => undefined,
    );
  }
}
