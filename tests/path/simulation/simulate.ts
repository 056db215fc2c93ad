import { delay, type StoredMessage } from "@holdfast/core";
import { createSeededRandom, createVirtualClock, type VirtualClock } from "@holdfast/testkit";
import { Clients } from "./clients.ts";
import { Cluster, type SimNode } from "./cluster.ts";
import { checkEnd, conversationsOf } from "./end-checks.ts";
import { Histories } from "./histories.ts";
import { JournalChecker } from "./journal-checker.ts";
import { createRunRecord, type RunRecord } from "./run-record.ts";
import type { ScriptWorld } from "./scripted-agents.ts";
import { withSmallLimits } from "./small-limits.ts";

const stormMs = 20_000;
const restMs = 20 * 60_000;
/** By then whatever was sent during the storm has arrived. */
const latestMs = 8_000;

/** One run from a seed: the same seed gives the same run, line by line. */
export function simulate(seed: number): Promise<RunRecord> {
  return withSmallLimits(async () => {
    const clock = createVirtualClock();
    const record = createRunRecord(clock);
    const onUnhandled = (reason: unknown) => {
      record.violate(`a promise was rejected unhandled: ${String(reason)}`);
    };
    process.on("unhandledRejection", onUnhandled);
    try {
      await clock.runUntil(new Run(seed, clock, record).play());
    } catch (thrown) {
      record.violate(`the run ended: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
    } finally {
      process.off("unhandledRejection", onUnhandled);
    }
    return record;
  });
}

class Run {
  readonly #clock: VirtualClock;
  readonly #record: RunRecord;
  readonly #random;
  readonly #journal: JournalChecker;
  readonly #script: ScriptWorld;
  readonly #cluster: Cluster;
  readonly #clients: Clients;
  readonly #histories: Histories;
  #isOver = false;

  constructor(seed: number, clock: VirtualClock, record: RunRecord) {
    const random = (stream: number) => createSeededRandom(seed * 16 + stream);
    this.#clock = clock;
    this.#record = record;
    this.#random = random(0);
    this.#journal = new JournalChecker(record);
    this.#script = {
      clock,
      record,
      random: random(1),
      journal: this.#journal,
      modelIsAway: false,
      poisonIsHealed: false,
      flaky: new Map(),
      effects: new Map(),
    };
    this.#cluster = new Cluster({
      clock,
      record,
      journal: this.#journal,
      script: this.#script,
      faultRandom: random(2),
      random: random(3),
      // Every fourth run has no faults of the engine, to see what crashes and rivals do alone.
      harshness: seed % 4 === 0 ? 0 : this.#random.next(),
    });
    this.#cluster.deathsLeft = seed % 3;
    const options = { clock, record, cluster: this.#cluster };
    this.#clients = new Clients({ ...options, random: random(4) });
    this.#histories = new Histories(record);
  }

  async play(): Promise<void> {
    await this.#cluster.provision();
    await this.#cluster.startSurely();
    const isOver = () => this.#isOver;
    const actors = [
      ...Array.from({ length: 8 }, () => this.#clients.run(isOver)),
      this.#chaos(),
      this.#keepOwned(),
      this.#readHistories(),
      this.#modelOutages(),
    ];
    await delay(this.#clock, stormMs);
    this.#isOver = true;
    await Promise.all(actors);
    await this.#rest();
  }

  /** Kills nodes, cuts them off, and starts rivals that take the partitions from a living owner. */
  async #chaos(): Promise<void> {
    while (!this.#isOver) {
      await delay(this.#clock, 500 + Math.floor(this.#random.next() * 4_000));
      const { alive } = this.#cluster;
      const node = alive[Math.floor(this.#random.next() * alive.length)];
      const draw = this.#random.next();
      if (!node || draw < 0.3) continue;
      if (draw < 0.5) await this.#cluster.kill(node);
      else if (draw < 0.7) await this.#cluster.start();
      else if (draw < 0.85) await this.#rivalDuringCut(node);
      else await this.#cut(node);
      if (alive.length > 3 && alive[0]) await this.#cluster.kill(alive[0]);
    }
  }

  async #rivalDuringCut(node: SimNode): Promise<void> {
    this.#cluster.cutOff(node);
    await delay(this.#clock, Math.floor(this.#random.next() * 3_000));
    await this.#cluster.start();
    await delay(this.#clock, Math.floor(this.#random.next() * 2_000));
    this.#cluster.mend(node);
  }

  async #cut(node: SimNode): Promise<void> {
    this.#cluster.cutOff(node);
    await delay(this.#clock, Math.floor(this.#random.next() * 6_000));
    this.#cluster.mend(node);
  }

  /** What the coordinator does: when nobody owns the partitions, a node is started. */
  async #keepOwned(): Promise<void> {
    while (!this.#isOver) {
      await delay(this.#clock, 100);
      if (this.#cluster.owner) continue;
      await delay(this.#clock, Math.floor(this.#random.next() * 1_000));
      const isCutOnly = this.#cluster.alive.some(({ isCut }) => isCut);
      if (!this.#cluster.owner && !(isCutOnly && this.#random.next() < 0.9)) {
        await this.#cluster.start();
      }
    }
  }

  async #readHistories(): Promise<void> {
    while (!this.#isOver) {
      await delay(this.#clock, Math.floor(this.#random.next() * 400));
      const { alive } = this.#cluster;
      const path = alive[Math.floor(this.#random.next() * alive.length)]?.path;
      const refs = conversationsOf(this.#clients.operations);
      const ref = refs[Math.floor(this.#random.next() * refs.length)];
      if (!path || !ref) continue;
      await this.#histories.read(path, ref).catch((error: unknown) => {
        this.#record.note(`a reader was refused: ${String(error)}`);
      });
    }
  }

  async #modelOutages(): Promise<void> {
    while (!this.#isOver) {
      await delay(this.#clock, 3_000 + Math.floor(this.#random.next() * 6_000));
      this.#script.modelIsAway = true;
      this.#record.note("the model goes away");
      await delay(this.#clock, Math.floor(this.#random.next() * 5_000));
      this.#script.modelIsAway = false;
      this.#record.note("the model is back");
    }
    this.#script.modelIsAway = false;
  }

  /** Everything works again: what was acknowledged must be done within `restMs`. */
  async #rest(): Promise<void> {
    this.#record.note("the storm is over");
    this.#cluster.isCalm = true;
    for (const node of this.#cluster.alive) await this.#cluster.kill(node);
    const starts = this.#cluster.epoch;
    const node = await this.#cluster.startSurely();
    await delay(this.#clock, latestMs);
    await this.#settled(node);
    const histories = await this.#readAll(node);
    const letters = await this.#path(node).conversations.deadLetters(undefined);
    const { operations } = this.#clients;
    checkEnd({ operations, histories, letters, journal: this.#journal, starts }, this.#record);
    this.#checkReports();

    // What the memory says is what a recovery finds.
    await this.#cluster.kill(node);
    const next = await this.#cluster.startSurely();
    await this.#settled(next);
    await this.#compare(next, histories);
    await this.#replay(next, letters);
  }

  async #settled(node: SimNode): Promise<void> {
    const path = this.#path(node);
    const deadline = this.#clock.monotonic() + restMs;
    const isSettled = () =>
      path.pending.size === 0 && path.ownership.open().every(({ lag }) => lag === 0);
    do await delay(this.#clock, 1_000);
    while (!isSettled() && this.#clock.monotonic() < deadline);
    if (isSettled()) return;
    const lags = path.ownership
      .open()
      .map(({ lag }) => lag)
      .join(", ");
    this.#record.violate(`${path.pending.size} messages are unanswered, lags are ${lags}`);
  }

  async #readAll(node: SimNode): Promise<Map<string, readonly StoredMessage[]>> {
    const all = new Map<string, readonly StoredMessage[]>();
    for (const ref of conversationsOf(this.#clients.operations)) {
      const key = `${ref.organization}/${ref.agent}/${ref.conversation}`;
      all.set(key, await this.#histories.read(this.#path(node), ref));
    }
    return all;
  }

  async #compare(node: SimNode, before: Map<string, readonly StoredMessage[]>): Promise<void> {
    for (const [key, messages] of await this.#readAll(node)) {
      if (messages.length !== before.get(key)?.length) {
        this.#record.violate(
          `${key} had ${before.get(key)?.length} messages and has ${messages.length} after recovery`,
        );
      }
    }
  }

  /** Each dead letter can be handled once its cause is gone. */
  async #replay(
    node: SimNode,
    letters: readonly { readonly id: string; readonly message: { readonly content: unknown } }[],
  ): Promise<void> {
    const { conversations } = this.#path(node);
    this.#script.poisonIsHealed = true;
    const ids = new Set<string>();
    for (const { id } of letters) ids.add((await conversations.replay(undefined, id)).id);
    await this.#settled(node);
    for (const id of ids) {
      if (this.#journal.endings.get(id)?.kind !== "turn") {
        this.#record.violate(`the replay ${id} of a dead letter was not answered`);
      }
    }
    const left = await conversations.deadLetters(undefined);
    if (left.length > 0) this.#record.violate(`${left.length} dead letters are left`);
  }

  #checkReports(): void {
    for (const { name, path } of this.#cluster.nodes) {
      for (const error of path?.reports ?? []) {
        this.#record.count(`report ${error.code}`);
        const isOurs = /^(poison|flaky|the node is dead)$/.test(error.message);
        if (error.code === "data_corrupt" || (error.code === "internal" && !isOurs)) {
          this.#record.violate(`${name} reported ${error.code}: ${error.stack ?? error.message}`);
        }
      }
    }
  }

  #path(node: SimNode) {
    if (!node.path) throw new Error(`${node.name} has not started.`);
    return node.path;
  }
}
