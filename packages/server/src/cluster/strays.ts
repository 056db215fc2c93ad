import {
  type Cancel,
  type Clock,
  type HoldfastError,
  limits,
  type Membership,
  toHoldfastError,
} from "@holdfast/core";
import { dataServerName, type EngineAdmin, type EngineHealth } from "@holdfast/engine";
import type { StoreRepair } from "../http/store-repair.ts";

export interface StraysOptions {
  readonly admin: Pick<EngineAdmin, "health">;
  readonly repair: Pick<StoreRepair, "start">;
  readonly membership: Pick<Membership, "removed">;
  readonly clock: Clock;
  /** Whether this node coordinates now: one acts for all. */
  readonly isCoordinator: () => boolean;
  readonly say: (text: string) => void;
  readonly report: (error: HoldfastError, where: string) => void;
}

/**
 * Sees to it that removed store nodes leave the engine, too. A server that is gone for good and still counts is
 * missing in the next majority, and the copies that it had are made nowhere else.
 */
export class Strays {
  readonly #options: StraysOptions;
  /** Removed nodes of which the engine has nothing any more. */
  readonly #gone = new Set<string>();
  #timer: Cancel | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  #said = "";

  constructor(options: StraysOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#look().then(() => {
      if (this.#closed) return;
      this.#timer = this.#options.clock.schedule(limits.strayCheckMs, () => this.start());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.();
    await this.#running;
  }

  async #look(): Promise<void> {
    const { admin, membership, isCoordinator } = this.#options;
    const suspects = membership.removed.filter((node) => this.#mayBeThere(node));
    if (suspects.length === 0 || !isCoordinator()) return;
    try {
      const health = await admin.health();
      const isKnown = health.metaLeader && health.streams.every(({ leader }) => leader);
      if (!isKnown) return;
      const strays = suspects.filter((node) => isInEngine(dataServerName(node), health));
      for (const node of suspects) if (!strays.includes(node)) this.#gone.add(node);
      for (const node of strays) if (this.#closed || (await this.#begins(node))) return;
    } catch (thrown) {
      this.#tell(toHoldfastError(thrown));
    }
  }

  /** A name that ends like that of a witness's server could be meant for a founder's. */
  #mayBeThere(node: string): boolean {
    return !this.#gone.has(node) && !node.endsWith("-witness");
  }

  /** False when another one comes first. */
  async #begins(node: string): Promise<boolean> {
    try {
      await this.#options.repair.start(node);
      return true;
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      this.#tell(error);
      return error.code !== "store_quorum_at_risk";
    }
  }

  /** Another operation comes first, or store nodes must: both may last. */
  #tell(error: HoldfastError): void {
    const { say, report } = this.#options;
    if (error.code === "operation_running" || error.message === this.#said) return;
    this.#said = error.message;
    if (error.code === "store_quorum_at_risk") {
      say(`A removed store node still counts in the engine: ${error.message}`);
    } else report(error, "removed store nodes");
  }
}

/** Whether the server has a part in the metadata or in a stream. */
export function isInEngine(server: string, { servers, streams }: EngineHealth): boolean {
  const isNamed = ({ name }: { readonly name: string }) => name === server;
  return servers.some(isNamed) || streams.some(({ peers }) => peers.some(isNamed));
}
