import { type Clock, delay, type NodeRole, type Random } from "@holdfast/core";
import type { Cluster, Member } from "./cluster.ts";
import type { RunRecord } from "./run-record.ts";
import type { ScriptWorld } from "./scripted-agents.ts";
import type { CutWay, SimNode } from "./sim-node.ts";
import type { Weather } from "./weather.ts";

export interface ChaosOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly record: RunRecord;
  readonly cluster: Cluster;
  readonly weather: Weather;
  readonly script: ScriptWorld;
  readonly isOver: () => boolean;
}

const hourMs = 3_600_000;
const nodesMax = 6;

/**
 * What goes wrong beside single operations. A run has only some of the kinds, so that each kind is also
 * met without the others, and often enough.
 */
export class Chaos {
  readonly #options: ChaosOptions;
  readonly #kinds: readonly (() => Promise<void>)[];
  /** What was begun and must be undone before the storm is over. */
  readonly #lasting = new Set<Promise<void>>();

  constructor(options: ChaosOptions) {
    this.#options = options;
    const all = [
      () => this.#crash(),
      () => this.#crash(),
      () => this.#pause(),
      () => this.#pause(),
      () => this.#cut(),
      () => this.#cut(),
      () => this.#flap(),
      () => this.#jump(),
      () => this.#storeAway(),
      () => this.#leave(),
      () => this.#drain(),
      () => this.#join(),
      () => this.#crashMany(),
    ];
    this.#kinds = all.filter(() => options.random.next() < 0.5);
  }

  async run(): Promise<void> {
    const { clock, isOver } = this.#options;
    const keeper = this.#keepRunning();
    const models = this.#modelOutages();
    for (;;) {
      await delay(clock, 200 + this.#upTo(2_500));
      if (isOver()) break;
      const kind = this.#kinds[this.#upTo(this.#kinds.length)];
      if (!kind) continue;
      const work: Promise<void> = kind().finally(() => this.#lasting.delete(work));
      this.#lasting.add(work);
    }
    await Promise.all([keeper, models, ...this.#lasting]);
  }

  /** What a supervisor does: a member that does not run is started again, sooner or later. */
  async #keepRunning(): Promise<void> {
    const { clock, cluster, isOver } = this.#options;
    const since = new Map<Member, number>();
    while (!isOver()) {
      await delay(clock, 100);
      for (const member of cluster.members) {
        if (member.isGone || cluster.processOf(member)) since.delete(member);
        else if (!since.has(member)) since.set(member, clock.monotonic() + this.#upTo(4_000));
        else if (clock.monotonic() >= (since.get(member) ?? 0)) void cluster.start(member);
      }
    }
  }

  async #crash(): Promise<void> {
    const node = this.#someNode();
    if (node) this.#options.cluster.kill(node);
  }

  async #crashMany(): Promise<void> {
    const { cluster, random, record } = this.#options;
    record.count("crash of many");
    const share = random.next();
    for (const node of cluster.alive) if (random.next() < share) cluster.kill(node);
  }

  async #pause(): Promise<void> {
    const { cluster, clock, random } = this.#options;
    const node = this.#someNode();
    if (!node) return;
    cluster.pause(node);
    await delay(clock, 100 + Math.floor(random.next() ** 2 * 9_900));
    cluster.resume(node);
  }

  async #cut(): Promise<void> {
    const { cluster, clock } = this.#options;
    const node = this.#someNode();
    if (!node) return;
    cluster.cutOff(node, this.#someWay());
    await delay(clock, this.#upTo(6_000));
    cluster.mend(node);
  }

  /** Away and back every three seconds, as long as the storm lasts. */
  async #flap(): Promise<void> {
    const { cluster, clock, isOver, record } = this.#options;
    const node = this.#someNode();
    if (!node) return;
    record.count("flap");
    while (!isOver() && node.state !== "ended") {
      cluster.cutOff(node, "both");
      await delay(clock, 2_500);
      cluster.mend(node);
      await delay(clock, 3_000);
    }
  }

  /** The wall clock; an hour either way, sometimes to and fro. */
  async #jump(): Promise<void> {
    const { clock, record } = this.#options;
    const node = this.#someNode();
    if (!node) return;
    const ms = this.#options.random.next() < 0.5 ? hourMs : -hourMs;
    record.note(`the wall clock of ${node.name} jumps by ${ms} ms`);
    record.count("clock jump");
    node.clock.jump(ms);
    await delay(clock, this.#upTo(8_000));
    node.clock.jump(-ms);
  }

  async #storeAway(): Promise<void> {
    const { clock, record, weather, cluster } = this.#options;
    const kinds = ["silent", "leaderless", "full"] as const;
    const kind = kinds[this.#upTo(kinds.length)] ?? "silent";
    record.note(`the store is ${kind}`);
    record.count(`store ${kind}`);
    weather.store = kind;
    await delay(clock, 200 + this.#upTo(4_000));
    weather.store = "up";
    record.note("the store is back");
    for (const node of cluster.alive) node.unwellAt = clock.monotonic();
  }

  async #leave(): Promise<void> {
    const { cluster, random } = this.#options;
    const node = this.#someNode(({ state }) => state === "ready");
    if (!node) return;
    const member = cluster.member(node.name);
    const stores = cluster.members.filter(({ role, isGone }) => role === "store" && !isGone);
    if (member.role === "compute" || stores.length > 1) member.isGone = random.next() < 0.3;
    await cluster.leave(node);
  }

  async #drain(): Promise<void> {
    const { cluster, clock } = this.#options;
    const node = this.#someNode();
    if (!node) return;
    const member = cluster.member(node.name);
    if (member.isDrained) return;
    await cluster.administer("drain", member, 3);
    await delay(clock, this.#upTo(5_000));
    if (member.isDrained) await cluster.administer("activate", member, 3);
  }

  async #join(): Promise<void> {
    const { cluster, random } = this.#options;
    if (cluster.alive.length >= nodesMax) return;
    const role: NodeRole = random.next() < 0.5 ? "store" : "compute";
    this.#options.record.count("join");
    await cluster.start(cluster.join(role));
  }

  async #modelOutages(): Promise<void> {
    const { clock, record, script, isOver } = this.#options;
    while (!isOver()) {
      await delay(clock, 3_000 + this.#upTo(8_000));
      script.modelIsAway = true;
      record.note("the model goes away");
      await delay(clock, this.#upTo(3_000));
      script.modelIsAway = false;
      record.note("the model is back");
    }
  }

  #someNode(fits: (node: SimNode) => boolean = () => true): SimNode | undefined {
    const { cluster } = this.#options;
    const fitting = cluster.alive.filter(
      (node) => !node.isPaused && node.cut === undefined && fits(node),
    );
    return fitting[this.#upTo(fitting.length)];
  }

  #someWay(): CutWay {
    const ways = ["both", "sending", "receiving"] as const;
    return ways[this.#upTo(ways.length)] ?? "both";
  }

  #upTo(bound: number): number {
    return Math.floor(this.#options.random.next() * bound);
  }
}
