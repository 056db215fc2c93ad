import {
  type Clock,
  delay,
  type FailpointName,
  type HoldfastError,
  type NodeId,
  type NodeRole,
  type Random,
  storagePlan,
} from "@holdfast/core";
import { createMemoryEngine, createMemoryStore, type MemoryStore } from "@holdfast/engine";
import { createNodeClock, createPathNode } from "@holdfast/testkit";
import type { RunRecord } from "./run-record.ts";
import { agents, type ScriptWorld, scriptedModel, scriptedTools } from "./scripted-agents.ts";
import {
  call,
  type CutWay,
  isRunning,
  ProcessEnded,
  processName,
  type SimNode,
} from "./sim-node.ts";
import { simAccount, type SimPlatform } from "./sim-platform.ts";
import type { Weather } from "./weather.ts";

export interface ClusterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RunRecord;
  readonly script: ScriptWorld;
  readonly weather: Weather;
  readonly partitions: number;
  /** How many processes may end at a failpoint, and the one where most of them do. */
  readonly deaths: number;
  readonly weakPoint: FailpointName;
  readonly platform: SimPlatform;
  readonly onReport: (node: SimNode, error: HoldfastError, where: string) => void;
}

/** Everything that a member is, whether it runs or not. */
export interface Member {
  readonly name: NodeId;
  readonly role: NodeRole;
  lives: number;
  /** Nobody starts it again. */
  isGone: boolean;
  isDrained: boolean;
}

/** Nodes on one store, started and stopped as a storm or an operator does. */
export class Cluster {
  readonly store: MemoryStore = createMemoryStore();
  readonly members: Member[] = [];
  /** Every process that ever ran. */
  readonly processes: SimNode[] = [];
  readonly #options: ClusterOptions;
  /** How many processes may still end at a failpoint. */
  #deathsLeft: number;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#deathsLeft = options.deaths;
  }

  async provision(): Promise<void> {
    const { clock, partitions } = this.#options;
    const engine = createMemoryEngine(this.store, { clock });
    await engine.provision(storagePlan(partitions));
  }

  /** Processes that have not ended. */
  get alive(): readonly SimNode[] {
    return this.processes.filter(({ state }) => state !== "ended");
  }

  /** Processes that serve clients. */
  get serving(): readonly SimNode[] {
    return this.processes.filter(({ state }) => state === "ready" || state === "leaving");
  }

  /** Those that may run partitions and have nothing to complain of. */
  get wellAndActive(): readonly SimNode[] {
    return this.serving.filter(
      (node) =>
        node.state === "ready" &&
        isRunning(node) &&
        node.cut === undefined &&
        !this.member(node.name).isDrained,
    );
  }

  member(name: string): Member {
    const found = this.members.find((member) => member.name === name);
    if (!found) throw new Error(`There is no member ${name}.`);
    return found;
  }

  processOf({ name }: Member): SimNode | undefined {
    return this.alive.find((node) => node.name === name);
  }

  join(role: NodeRole): Member {
    const name = `n${this.members.length + 1}` as NodeId;
    const member: Member = { name, role, lives: 0, isGone: false, isDrained: false };
    this.members.push(member);
    return member;
  }

  /** Starts a process; resolves when it serves, or has ended before. */
  async start(member: Member): Promise<void> {
    const { clock, record, random, script, weather, partitions, platform, onReport } =
      this.#options;
    member.lives += 1;
    const { name, role, lives: life } = member;
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const nodeClock = createNodeClock(clock);
    const engine = createMemoryEngine(this.store, {
      clock: nodeClock,
      network: clock,
      name: `${name}/${life}`,
      faults: weather.faultsOf(() => node),
    });
    const node: SimNode = {
      name,
      role,
      life,
      engine,
      clock: nodeClock,
      ended,
      end,
      startedAt: clock.monotonic(),
      servesSince: undefined,
      endedAt: undefined,
      path: undefined,
      state: "starting",
      isPaused: false,
      cut: undefined,
      lostBeats: 0,
      unwellAt: clock.monotonic(),
    };
    this.processes.push(node);
    record.note(`${processName(node)} starts as ${role}`);
    record.count("start");
    try {
      const host = { process: processName(node), clock: nodeClock };
      const path = await orEnd(
        node,
        createPathNode({
          engine,
          clock: nodeClock,
          random,
          model: scriptedModel(script, host),
          tools: scriptedTools(script, host),
          agents,
          channels: platform.channels,
          accounts: [simAccount],
          partitions,
          node: name,
          role,
          reach: (at) => this.#reach(node, at),
          report: (error, where) => onReport(node, error, where),
        }),
      );
      node.path = path;
      await orEnd(node, path.start());
      node.state = "ready";
      node.servesSince = this.#options.clock.monotonic();
      record.note(`${processName(node)} serves`);
    } catch (thrown) {
      if (thrown instanceof ProcessEnded) return;
      record.note(`${processName(node)} did not start: ${String(thrown)}`);
      record.count("start failed");
      this.kill(node);
    }
  }

  /** The process ends as by SIGKILL: what it sent may still arrive. */
  kill(node: SimNode): void {
    if (node.state === "ended") return;
    const { record, clock } = this.#options;
    record.note(`${processName(node)} ends`);
    node.state = "ended";
    node.endedAt = clock.monotonic();
    node.unwellAt = clock.monotonic();
    node.clock.stop();
    node.engine.abandon();
    node.end();
  }

  /** The process stops in good order, as by SIGTERM. */
  async leave(node: SimNode): Promise<void> {
    const { record, clock } = this.#options;
    record.note(`${processName(node)} leaves`);
    record.count("leave");
    node.state = "leaving";
    node.unwellAt = clock.monotonic();
    try {
      await call(node, (path) => path.leave());
      record.note(`${processName(node)} has left`);
      this.kill(node);
    } catch (thrown) {
      if (!(thrown instanceof ProcessEnded)) throw thrown;
    }
  }

  cutOff(node: SimNode, way: CutWay): void {
    if (node.state === "ended") return;
    const { record, clock } = this.#options;
    record.note(`${processName(node)} is cut off (${way})`);
    record.count(`cut ${way}`);
    node.cut = way;
    node.unwellAt = clock.monotonic();
    node.engine.cutOff(way);
  }

  mend(node: SimNode): void {
    if (node.cut === undefined || node.state === "ended") return;
    this.#options.record.note(`${processName(node)} is mended`);
    node.cut = undefined;
    node.unwellAt = this.#options.clock.monotonic();
    node.engine.mend();
  }

  pause(node: SimNode): void {
    const { record, clock } = this.#options;
    record.note(`${processName(node)} stands still`);
    record.count("pause");
    node.isPaused = true;
    node.unwellAt = clock.monotonic();
    node.clock.pause();
  }

  resume(node: SimNode): void {
    if (!node.isPaused || node.state === "ended") return;
    const { record, clock, random } = this.#options;
    record.note(`${processName(node)} goes on`);
    node.isPaused = false;
    node.unwellAt = clock.monotonic();
    node.clock.resume(random.next() < 0.5 ? "timers-first" : "as-due");
  }

  /** Has a node of the cluster's choice drain or activate a member; tries until it is done or `tries` end. */
  async administer(what: "drain" | "activate", member: Member, tries: number): Promise<void> {
    const { clock, record, random } = this.#options;
    for (let left = tries; left > 0; left -= 1) {
      const stores = this.serving.filter(
        ({ role, state }) => role === "store" && state === "ready",
      );
      const node = stores[Math.floor(random.next() * stores.length)];
      try {
        if (node) {
          // From the wish on it may be done.
          if (what === "drain") member.isDrained = true;
          await call(node, ({ admin }) => admin[what](member.name));
          if (what === "activate") this.#activated(member);
          record.note(`${what} of ${member.name} at ${processName(node)}`);
          record.count(what);
          return;
        }
      } catch (thrown) {
        record.note(`${what} of ${member.name} was refused: ${String(thrown)}`);
      }
      await delay(clock, 300);
    }
  }

  /** The others learn of it a moment later. */
  #activated(member: Member): void {
    member.isDrained = false;
    const node = this.processOf(member);
    if (node) node.unwellAt = this.#options.clock.monotonic();
  }

  #reach(node: SimNode, at: FailpointName): void {
    const { random, record, weather, weakPoint } = this.#options;
    record.count(at);
    if (weather.isCalm || this.#deathsLeft === 0 || node.state === "ended") return;
    if (random.next() > (at === weakPoint ? 0.05 : 0.002)) return;
    this.#deathsLeft -= 1;
    record.note(`${processName(node)} meets its end at ${at}`);
    record.count(`end at ${at}`);
    this.kill(node);
    // Delivery has no caller to stop; what it does on leads nowhere, as its process has ended.
    if (at !== "afterDelivery") throw new Error("the process has ended");
  }
}

function orEnd<T>(node: SimNode, work: Promise<T>): Promise<T> {
  return Promise.race([
    work,
    node.ended.then(() => {
      throw new ProcessEnded("ended");
    }),
  ]);
}
