import {
  type Cancel,
  type Clock,
  type EngineAddress,
  HoldfastError,
  limits,
  type NodeRecord,
  type NodeRole,
  toHoldfastError,
} from "@holdfast/core";
import { engineAddresses, storeUrls } from "./addresses.ts";

/** What a node's engine, or its connection to others, must know of the members. */
export interface Members {
  /** Who may connect; this node is always among them. */
  readonly users: readonly {
    readonly node: string;
    readonly role: NodeRole;
    readonly engineKey?: string;
  }[];
  /** The engines of other store nodes. */
  readonly others: readonly EngineAddress[];
  /** The APIs of other store nodes. */
  readonly urls: readonly string[];
}

export interface EngineUsersOptions {
  readonly node: string;
  readonly role: NodeRole;
  readonly clock: Clock;
  /** The members now, as far as this node knows. */
  readonly records: () => readonly NodeRecord[];
  /** Puts them into force; called once at a time, and again after `limits.engineUsersRetryMs` when it fails. */
  readonly apply: (members: Members) => Promise<void>;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** What the members' records mean for one node. */
export function membersOf(node: string, role: NodeRole, records: readonly NodeRecord[]): Members {
  const members = records.filter(({ state }) => state !== "removed");
  const others = members.filter((record) => record.node !== node);
  const user = ({ node: name, role: its, engineKey }: NodeRecord) => ({
    node: name,
    role: its,
    ...(engineKey !== undefined && { engineKey }),
  });
  return {
    users: [{ node, role }, ...others.map(user)],
    others: engineAddresses(others),
    urls: storeUrls(others),
  };
}

/**
 * Keeps the engine's users and routes equal to the members. Changes that come while one is put into
 * force are taken together afterwards.
 */
export class EngineUsers {
  readonly #options: EngineUsersOptions;
  readonly #waiting = new Set<() => void>();
  #applied: Members | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #retry: Cancel | undefined;
  #closed = false;

  /** `initial`: what the engine was started with. */
  constructor(options: EngineUsersOptions, initial: Members | undefined) {
    this.#options = options;
    this.#applied = initial;
  }

  /** The members may have changed. */
  wake(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // What came after the last look and before this.
      if (this.#again) this.wake();
    });
  }

  /** Resolves when the engine knows the node. Errors: `engine_unavailable` when that takes too long. */
  knows(node: string): Promise<void> {
    const isKnown = () => this.#applied?.users.some((user) => user.node === node) === true;
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!isKnown()) return;
        this.#waiting.delete(check);
        cancel();
        resolve();
      };
      const cancel = this.#options.clock.schedule(limits.engineUsersWaitMs, () => {
        this.#waiting.delete(check);
        const problem = `The engine did not take node ${node} as a user in time.`;
        reject(new HoldfastError("engine_unavailable", problem, { retryAfterMs: 1_000 }));
      });
      this.#waiting.add(check);
      check();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { node, role, records, apply, report, clock } = this.#options;
    while (this.#again && !this.#closed) {
      this.#again = false;
      const members = membersOf(node, role, records());
      if (isSame(members, this.#applied)) continue;
      try {
        await apply(members);
        this.#applied = members;
        for (const check of this.#waiting) check();
      } catch (thrown) {
        report(toHoldfastError(thrown), "engine users");
        this.#retry?.();
        this.#retry = clock.schedule(limits.engineUsersRetryMs, () => this.wake());
      }
    }
  }
}

function isSame(one: Members, other: Members | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
