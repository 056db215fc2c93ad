import {
  type Clock,
  clusterBucket,
  decodeJson,
  delay,
  encodeJson,
  HoldfastError,
  type KeyValue,
  type Membership,
  type NodeId,
  type NodeRecord,
  toHoldfastError,
} from "@holdfast/core";
import { dataServerName, type EngineAdmin, type EngineHealth } from "@holdfast/engine";
import type { Operation, RepairPlan, StoreRepair } from "../http/store-repair.ts";
import { operationKey } from "./growth.ts";
import { repeat } from "../repeat.ts";
import { isInEngine } from "./strays.ts";

export interface RepairOptions {
  readonly admin: Pick<EngineAdmin, "health" | "replaceStore">;
  readonly keyValue: Pick<KeyValue, "get" | "put" | "update">;
  readonly membership: Pick<Membership, "update">;
  readonly clock: Clock;
  readonly say: (text: string) => void;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** An operation that has not moved for this long has lost the node that worked on it. */
const stallMs = 90_000;
const renewMs = 30_000;
/** A server that crashed is gone when the engine has not heard of it for seconds. */
const engineNoticeMs = 60_000;
const endRetryMs = 1_000;
/** The server's name in homes made before there were clusters of several nodes. */
const oldServerName = "holdfast-data";

/** Gives the replicas of a dead store node to the others; on store nodes. */
export class Repair implements StoreRepair {
  readonly #options: RepairOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  /** The node whose replacement this node works on. */
  #replacing: string | undefined;
  #seen: { readonly revision: number; readonly at: number } | undefined;

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  async plan(dead: string): Promise<RepairPlan> {
    const health = await this.#options.admin.health();
    const { server, affected, others } = situation(dead, health);
    const steps = [
      {
        text: `Wait until the engine has noticed that ${server} is gone, and check that ${others.length} other engines are online and up to date.`,
        reason: "A replica is only given up while a majority of its stream's replicas works.",
      },
      {
        text: `Give each of the ${affected} streams that had a replica on ${server} a new one on another store node, one stream after the other, and wait each time until it is up to date.`,
        reason:
          "So no stream ever lacks more than the one replica that is gone already, and the load of copying stays small.",
      },
      {
        text: `Take ${server} out of the engine's cluster.`,
        reason: "Until then it counts for the majority that every change of the cluster needs.",
      },
      {
        text: `Remove node ${dead} from the members.`,
        reason: "Its certificates are refused from then on: it must not come back with old data.",
      },
    ];
    return { steps };
  }

  async start(dead: string): Promise<void> {
    if (this.#replacing === dead) return;
    if (this.#replacing !== undefined) throw busy(`${this.#replacing} is being replaced.`);
    await this.plan(dead);
    const { keyValue, clock } = this.#options;
    const { operation, revision } = await this.#stored();
    // Growth that waits for store nodes does nothing that this could disturb.
    const isWaiting = operation?.phase === "waiting" && operation.kind === "replace";
    const isRunning = operation?.phase === "copying" || isWaiting;
    if (isRunning && this.#mayProgress(revision)) {
      if (operation.kind === "replace" && operation.node === dead) return;
      throw busy(operation.message);
    }
    const begun: Operation = {
      kind: "replace",
      phase: "copying",
      node: dead,
      done: 0,
      total: 0,
      message: `The replicas of ${dead} are made anew on other store nodes.`,
      startedAt: clock.now(),
    };
    // Whoever begins at the same time on another node loses here.
    try {
      await keyValue.update(clusterBucket, operationKey, encodeJson(begun), revision);
    } catch (thrown) {
      const stored = (await this.#stored()).operation;
      if (stored?.startedAt !== begun.startedAt || stored.node !== dead) throw thrown;
    }
    this.#replacing = dead;
    this.#running = this.#run(dead, begun).finally(() => {
      this.#replacing = undefined;
    });
  }

  async inEngine(nodes: readonly string[]): Promise<readonly string[]> {
    const health = await this.#options.admin.health();
    // Without a leader nothing is known of the servers, and a home of old has a server without its node's name.
    const isKnown = health.metaLeader !== undefined && !isInEngine(oldServerName, health);
    return isKnown ? nodes.filter((node) => isInEngine(dataServerName(node), health)) : nodes;
  }

  async progress(): Promise<Operation | undefined> {
    const { operation, revision } = await this.#stored();
    this.#mayProgress(revision);
    return operation;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(dead: string, begun: Operation): Promise<void> {
    const { admin, membership, say, report } = this.#options;
    let latest = begun;
    let told: Promise<void> = Promise.resolve();
    const tell = (change: Partial<Operation>): void => {
      latest = { ...latest, ...change };
      const value = latest;
      say(value.message);
      told = told.then(() => this.#write(value));
    };
    // A large stream takes long; whoever sees nothing change takes the operation for given up.
    const renewing = repeat(this.#options.clock, renewMs, () => {
      told = told.then(() => this.#write(latest));
    });
    const end = async (change: Partial<Operation>): Promise<void> => {
      renewing();
      tell(change);
      await told;
      await this.#untilEnded(latest);
    };
    try {
      const { server } = situation(dead, await admin.health());
      await admin.replaceStore(server, {
        signal: this.#closing.signal,
        noticeMs: engineNoticeMs,
        onProgress: ({ stream, done, total }) => {
          const message = `The replicas of ${dead} are made anew: ${done} of ${total} streams are done.`;
          tell({ stream, done, total, message });
        },
      });
      await membership.update(dead as NodeId, (record) =>
        record?.state === "removed" ? undefined : record && removed(record),
      );
      const message = `Node ${dead} was replaced: all streams have their replicas on other store nodes.`;
      await end({ phase: "done", message });
    } catch (thrown) {
      const { code, message } = toHoldfastError(thrown);
      report(toHoldfastError(thrown), `replacement of ${dead}`);
      const text = `The replacement of ${dead} stopped and may be started again: ${message}`;
      await end({ phase: "failed", message: text, error: { code, message } });
    }
  }

  /** Progress is for people: that it cannot be written does not stop what it tells of. */
  async #write(operation: Operation): Promise<void> {
    try {
      await this.#options.keyValue.put(clusterBucket, operationKey, encodeJson(operation));
    } catch (thrown) {
      this.#options.report(toHoldfastError(thrown), "operation");
    }
  }

  /** People and programs wait for the end: it is written until it stands there. */
  async #untilEnded(operation: Operation): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const { operation: stored } = await this.#stored();
        // Another operation may have begun meanwhile.
        if (stored?.startedAt !== operation.startedAt || stored.phase === operation.phase) return;
        await this.#write(operation);
      } catch {
        // The engine is away, as whoever writes was told already.
      }
      await delay(clock, endRetryMs, signal);
    }
  }

  async #stored(): Promise<{ operation: Operation | undefined; revision: number }> {
    const entry = await this.#options.keyValue.get(clusterBucket, operationKey);
    const operation = entry && decodeJson<Operation>(entry.value, operationKey);
    return { operation, revision: entry?.revision ?? 0 };
  }

  /** Whether somebody may be working on it: it changed lately, as far as this node saw. */
  #mayProgress(revision: number): boolean {
    const now = this.#options.clock.monotonic();
    if (this.#seen?.revision !== revision) this.#seen = { revision, at: now };
    return now - this.#seen.at < stallMs;
  }
}

/** Whether there is a server of a home of old, and it does not work. */
function isOldAndGone({ servers }: EngineHealth): boolean {
  return servers.some(
    ({ name, isOnline, isSilent }) => name === oldServerName && (!isOnline || isSilent),
  );
}

function busy(why: string): HoldfastError {
  return new HoldfastError("operation_running", `The cluster is busy: ${why}`);
}

function removed(record: NodeRecord): NodeRecord {
  return { ...record, state: "removed" };
}

/** Errors: `store_quorum_at_risk`. */
function situation(dead: string, health: EngineHealth) {
  const { servers, streams } = health;
  const own = dataServerName(dead);
  const server = isInEngine(own, health) || !isOldAndGone(health) ? own : oldServerName;
  const affected = streams.filter(({ peers }) => peers.some(({ name }) => name === server));
  const others = servers.filter(
    ({ name, isOnline }) => isOnline && name !== server && !name.endsWith("-witness"),
  );
  const needed = Math.max(0, ...affected.map(({ replicas }) => replicas));
  if (others.length < needed) {
    const problem = `The data needs ${needed} store nodes, and without ${dead} there are ${others.length}: let another store node join first.`;
    throw new HoldfastError("store_quorum_at_risk", problem);
  }
  return { server, affected: affected.length, others };
}
