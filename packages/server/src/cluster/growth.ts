import {
  type Cancel,
  type Clock,
  clusterBucket,
  decodeJson,
  encodeJson,
  type HoldfastError,
  type KeyValue,
  limits,
  type NodeRecord,
  toHoldfastError,
} from "@holdfast/core";
import type { Operation } from "../http/store-repair.ts";
import { storeNodes } from "./addresses.ts";

/** What growth needs of the engine: a part of the managed engine. */
export interface GrowingEngine {
  readonly processes: readonly { readonly role: string }[];
  askLeaders(): void;
  readonly admin: {
    health(): Promise<EngineState>;
    /** Spreads the streams' leaders, so that a server that dies stops as few as possible. */
    balanceLeaders(options: { readonly signal: AbortSignal }): Promise<void>;
    raiseReplicas(
      count: number,
      options: {
        readonly onProgress: (progress: { stream: string; done: number; total: number }) => void;
        readonly signal: AbortSignal;
      },
    ): Promise<void>;
    retireWitness(): Promise<void>;
  };
}

export interface EngineState {
  /** Undefined while nobody leads, or when it did not answer: then nothing is known of the servers. */
  readonly metaLeader: string | undefined;
  readonly servers: readonly {
    readonly name: string;
    readonly isOnline: boolean;
    readonly isCurrent: boolean;
  }[];
  readonly streams: readonly { readonly name: string; readonly replicas: number }[];
}

/** What the cluster does about its data: an `Operation` in the bucket `cluster`. */
export const operationKey = "operation";

export interface GrowthOptions {
  readonly engine: GrowingEngine;
  readonly keyValue: Pick<KeyValue, "get" | "update">;
  readonly clock: Clock;
  readonly records: () => readonly NodeRecord[];
  /** Whether this node coordinates now: it raises the replicas. */
  readonly isCoordinator: () => boolean;
  readonly say: (text: string) => void;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** What is to be done about the replicas. */
export type GrowthStep =
  | { readonly do: "nothing" }
  /** `current` engines are up to date; `low` of all streams have too few replicas. */
  | {
      readonly do: "wait";
      readonly current: number;
      readonly low: number;
      readonly streams: number;
    }
  | { readonly do: "raise"; readonly low: number; readonly streams: number }
  | { readonly do: "retire-witness" };

const wanted = limits.storeNodesWanted;
/** Into how many steps people see the copying divided. */
const progressSteps = 10;
/** Looks of `growthCheckMs` that elections may take before somebody is told. */
const looksUntilSaid = 15;

/** The next step of a cluster with these store nodes; the witness leaves last. */
export function nextStep(
  stores: readonly string[],
  hasWitness: boolean,
  { servers, streams }: EngineState,
): GrowthStep {
  if (stores.length < wanted) return { do: "nothing" };
  const current = servers.filter(
    ({ name, isOnline, isCurrent }) => isOnline && isCurrent && !isWitness(name, stores),
  ).length;
  const low = streams.filter(({ replicas }) => replicas < wanted).length;
  if (low === 0 && !hasWitness) return { do: "nothing" };
  if (current < wanted) return { do: "wait", current, low, streams: streams.length };
  if (low > 0) return { do: "raise", low, streams: streams.length };
  return { do: "retire-witness" };
}

/** A node's own name may end like that of a witness. */
function isWitness(server: string, stores: readonly string[]): boolean {
  return server.endsWith("-witness") && !stores.includes(server.replace(/^holdfast-/, ""));
}

/**
 * Makes three replicas of the data when there are three store nodes, while everything goes on; then the
 * founder's witness leaves. Any step may be repeated after a crash, also by another coordinator. Runs on
 * every store node: the coordinator raises the replicas, the founder sends its witness away.
 */
export class Growth {
  readonly #options: GrowthOptions;
  readonly #closing = new AbortController();
  #timer: Cancel | undefined;
  #running: Promise<void> | undefined;
  #said = "";
  #startedAt: number | undefined;
  #reported = "";
  /** No waiting stands written while there are too few store nodes. */
  #hasEndedWaiting = false;
  /** Looks in a row that met elections. */
  #electingLooks = 0;
  /** That all streams have their replicas is written down, too. */
  #hasSeenEnd = false;

  constructor(options: GrowthOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#look().then((pauseMs) => {
      if (this.#closing.signal.aborted) return;
      this.#timer = this.#options.clock.schedule(pauseMs, () => this.start());
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.();
    await this.#running;
  }

  /** Gives the milliseconds until the next look. */
  async #look(): Promise<number> {
    try {
      const pauseMs = await this.#step();
      this.#reported = "";
      return pauseMs;
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      // An engine that is away is away at every look.
      if (!this.#closing.signal.aborted && error.code !== this.#reported) {
        this.#options.report(error, "growth");
        this.#reported = error.code;
      }
      return limits.growthCheckMs;
    }
  }

  /** Gives the milliseconds until the next look. */
  async #step(): Promise<number> {
    const { engine, records, isCoordinator } = this.#options;
    const stores = storeNodes(records()).map(({ node }) => node as string);
    if (stores.length > 1) engine.askLeaders();
    // Few nodes may become enough at any time, and that is known without asking the engine.
    if (stores.length < wanted) {
      if (isCoordinator()) await this.#endWaiting(stores.length);
      return limits.growthCheckMs;
    }
    this.#hasEndedWaiting = false;
    const hasWitness = engine.processes.some(({ role }) => role === "witness");
    const coordinates = isCoordinator();
    if (!hasWitness && !coordinates) return limits.growthCheckMs;
    const health = await engine.admin.health();
    // Streams that elect do not say how many replicas they have: too few is not known of them.
    const electing = health.streams.filter(({ replicas }) => replicas === 0);
    if (this.#isElecting(health.metaLeader, electing)) return limits.growthCheckMs;
    const step = nextStep(stores, hasWitness, health);
    switch (step.do) {
      case "nothing": {
        // Another node's witness still votes beside it: if both died, the rest would be no majority.
        const hasOther = health.servers.some(
          (each) => each.isOnline && isWitness(each.name, stores),
        );
        if (hasOther) return limits.growthCheckMs;
        if (coordinates) await this.#endOperation(health.streams.length);
        return limits.growthIdleCheckMs;
      }
      case "wait":
        if (coordinates && step.low > 0) await this.#tellWaiting(step);
        return limits.growthCheckMs;
      case "raise":
        if (!coordinates) return limits.growthCheckMs;
        await this.#raise(step.low, step.streams);
        return 0;
      case "retire-witness":
        await this.#retireWitness();
        return 0;
    }
  }

  /** Elections take seconds; what lasts longer is said once, since everything waits for it. */
  #isElecting(metaLeader: string | undefined, streams: readonly { readonly name: string }[]) {
    const names = streams.map(({ name }) => name);
    if (metaLeader === undefined) names.unshift("the metadata");
    if (names.length === 0) {
      this.#electingLooks = 0;
      return false;
    }
    this.#electingLooks += 1;
    if (this.#electingLooks === looksUntilSaid) {
      this.#options.say(`The engine elects for long; no leader of ${names.join(", ")}.`);
    }
    return true;
  }

  #tellWaiting({ current, low, streams: total }: GrowthStep & { do: "wait" }): Promise<void> {
    const message = `Three store nodes are members, and ${current} of ${wanted} engines are up to date: the data gets more replicas when all are.`;
    return this.#tell({ phase: "waiting", message, done: total - low, total });
  }

  /** Store nodes that growth waited for were removed. */
  async #endWaiting(stores: number): Promise<void> {
    if (this.#hasEndedWaiting) return;
    const { operation } = await this.#stored();
    if (operation?.kind === "growth" && operation.phase === "waiting") {
      const nodes = stores === 1 ? "is one store node" : `are ${stores} store nodes`;
      const message = `There ${nodes}: the data keeps the replicas that it has until there are ${wanted}.`;
      await this.#write({ ...operation, phase: "done", message });
    }
    this.#hasEndedWaiting = true;
  }

  async #raise(low: number, total: number): Promise<void> {
    const { engine } = this.#options;
    this.#hasSeenEnd = false;
    const begin = `Three engines are up to date: ${low} of ${total} streams get ${wanted} replicas, so that one node may fail.`;
    await this.#tell({ phase: "copying", message: begin, done: total - low, total });
    let told: Promise<void> = Promise.resolve();
    await engine.admin.raiseReplicas(wanted, {
      signal: this.#closing.signal,
      onProgress: ({ stream, done, total: all }) => {
        if (done % Math.ceil(all / progressSteps) !== 0) return;
        const message = `The streams get ${wanted} replicas: ${done} of ${all} have them.`;
        const progress = { phase: "copying", message, stream, done, total: all } as const;
        told = told.then(() => this.#tell(progress));
      },
    });
    await told;
    await engine.admin.balanceLeaders({ signal: this.#closing.signal });
  }

  /**
   * Whoever coordinates then says so, as the one that copied may have died meanwhile. Errors: those of the
   * bucket; programs wait for this, so that it is tried again.
   */
  async #endOperation(total: number): Promise<void> {
    if (this.#hasSeenEnd) return;
    const { clock, say } = this.#options;
    const { operation } = await this.#stored();
    if (!operation || (operation.kind === "growth" && operation.phase !== "done")) {
      const message = `All ${total} streams have ${wanted} replicas: one store node may fail.`;
      const startedAt = operation?.startedAt ?? clock.now();
      await this.#write({ phase: "done", message, done: total, total, startedAt });
      say(message);
    }
    this.#startedAt = undefined;
    this.#hasSeenEnd = true;
  }

  async #retireWitness(): Promise<void> {
    const { engine, say } = this.#options;
    say("The data has three replicas: the first node's witness is no longer needed and leaves.");
    await engine.admin.retireWitness();
    say("The witness left.");
  }

  /** Progress is for people: that it cannot be written does not stop what it tells of. */
  async #tell(operation: Omit<Operation, "kind" | "startedAt">): Promise<void> {
    const { clock, say, report } = this.#options;
    if (operation.message === this.#said) return;
    this.#said = operation.message;
    this.#startedAt ??= clock.now();
    say(operation.message);
    try {
      await this.#write({ ...operation, startedAt: this.#startedAt });
    } catch (thrown) {
      report(toHoldfastError(thrown), "growth");
    }
  }

  /** What a replacement tells that goes on meanwhile is left alone. Errors: those of the bucket. */
  async #write(operation: Omit<Operation, "kind">): Promise<void> {
    const { operation: before, revision } = await this.#stored();
    const isBusy = before?.phase === "waiting" || before?.phase === "copying";
    if (before?.kind === "replace" && isBusy) return;
    const value = encodeJson({ kind: "growth", ...operation } satisfies Operation);
    await this.#options.keyValue.update(clusterBucket, operationKey, value, revision);
  }

  async #stored(): Promise<{ operation: Operation | undefined; revision: number }> {
    const entry = await this.#options.keyValue.get(clusterBucket, operationKey);
    const operation = entry && decodeJson<Operation>(entry.value, operationKey);
    return { operation, revision: entry?.revision ?? 0 };
  }
}
