import {
  type Clock,
  type ConversationId,
  type ConversationRef,
  conversationKey,
  type DeadLetter,
  type DeliveryView,
  delay,
  limits,
  type Random,
  type StoredMessage,
  type TurnEnd,
} from "@holdfast/core";
import type { Clients } from "./clients.ts";
import type { Cluster } from "./cluster.ts";
import { checkDeliveries } from "./delivery-checks.ts";
import { checkEnd, conversationsOf } from "./end-checks.ts";
import type { Histories } from "./histories.ts";
import type { JournalChecker } from "./journal-checker.ts";
import type { Reports } from "./reports.ts";
import type { RunRecord } from "./run-record.ts";
import type { ScriptWorld } from "./scripted-agents.ts";
import type { SimPlatform } from "./sim-platform.ts";
import { call, ProcessEnded, processName, type SimNode } from "./sim-node.ts";

export interface AftermathOptions {
  readonly clock: Clock;
  readonly record: RunRecord;
  readonly random: Random;
  readonly cluster: Cluster;
  readonly clients: Clients;
  readonly histories: Histories;
  readonly journal: JournalChecker;
  readonly reports: Reports;
  readonly script: ScriptWorld;
  readonly platform: SimPlatform;
  readonly partitions: number;
  /** Whether to wait until the load of the storm is forgotten, too. */
  readonly isPatient: boolean;
}

/** Every partition is open at one node within this, once everything works. */
const openMs = 5_000;
/** What was acknowledged is done within this. */
const doneMs = 60_000;
/** The partitions are spread evenly within this: past load weighs less and less for a while. */
const spreadMs = 120_000;

/** Everything works again: what was promised must come true, and soon. */
export class Aftermath {
  readonly #options: AftermathOptions;

  constructor(options: AftermathOptions) {
    this.#options = options;
  }

  async play(): Promise<void> {
    const { record, clients, cluster, journal, reports, random } = this.#options;
    record.note("the storm is over");
    await this.#repair();
    await this.#within(openMs, () => this.#ownerProblem());
    await this.#within(doneMs, () => this.#workProblem());
    const checks = limits.awaitedUnknown + 2;
    await this.#within(checks * limits.awaitedCheckMs, () => this.#waitProblem());
    if (this.#options.isPatient) await this.#within(spreadMs, () => this.#spreadProblem());
    await this.#talkAcrossNodes();
    const deliveries = await this.#untilDelivered();

    const histories = await this.#readAll();
    checkDeliveries({ histories, deliveries, platform: this.#options.platform }, record);
    const letters = await this.#letters();
    const { operations } = clients;
    checkEnd({ operations, histories, letters, journal, reports }, record);

    // What the memory says is what a recovery finds.
    record.note("the power fails");
    const [one, ...others] = cluster.alive.map(({ name }) => cluster.member(name));
    for (const node of cluster.alive) cluster.kill(node);
    const stores = [one, ...others].filter((member) => member?.role === "store");
    const member = stores[Math.floor(random.next() * stores.length)];
    if (!member) throw new Error("There is no store node.");
    await cluster.start(member);
    await this.#within(doneMs, () => this.#workProblem());
    await this.#compare(histories);
    await this.#replay(letters);
  }

  /** Ends every cut, pause and drain, and starts what is wanted. */
  async #repair(): Promise<void> {
    const { cluster, clock, random } = this.#options;
    for (const node of cluster.alive) {
      cluster.resume(node);
      cluster.mend(node);
    }
    const starts: Promise<void>[] = [];
    for (const member of cluster.members) {
      const isNeeded = !cluster.alive.some(({ role }) => role === "store");
      const mayStart = !cluster.processOf(member) && (member.role === "store" || !isNeeded);
      if (mayStart && (isNeeded || (!member.isGone && random.next() < 0.7))) {
        starts.push(cluster.start(member));
      }
    }
    await Promise.race([Promise.all(starts), delay(clock, 20_000)]);
    await Promise.all(
      cluster.members
        .filter(({ isDrained }) => isDrained)
        .map((member) => cluster.administer("activate", member, 20)),
    );
  }

  /** Looks until there is no problem left; after `ms` it is a violation. */
  async #within(ms: number, problem: () => string | undefined): Promise<void> {
    const { clock, record } = this.#options;
    const deadline = clock.monotonic() + ms;
    for (;;) {
      const found = problem();
      if (found === undefined) return;
      if (clock.monotonic() >= deadline) return record.violate(`${found}, ${ms} ms later`);
      await delay(clock, 250);
    }
  }

  #ownerProblem(): string | undefined {
    const { partitions } = this.#options;
    for (let partition = 0; partition < partitions; partition += 1) {
      const owners = this.#ownersOf(partition).map(processName);
      if (owners.length !== 1) return `partition ${partition} is open at [${owners.join(", ")}]`;
    }
    return undefined;
  }

  #workProblem(): string | undefined {
    const owner = this.#ownerProblem();
    if (owner !== undefined) return owner;
    const { size } = this.#options.journal.open;
    if (size > 0) return `${size} messages have no ending`;
    for (const node of this.#options.cluster.alive) {
      for (const { number, lag } of node.path?.ownership.open() ?? []) {
        if (lag > 0) return `partition ${number} has a lag of ${lag} at ${processName(node)}`;
      }
    }
    return undefined;
  }

  /** Whoever waits is told, wherever it waits; what the owner of a stateless call forgot, after some checks. */
  #waitProblem(): string | undefined {
    const { clients, cluster } = this.#options;
    for (const { operation, node, kind } of clients.waits) {
      return `the ${kind} of #${operation.number} (${operation.id}) at ${processName(node)} was told nothing`;
    }
    for (const node of cluster.alive) {
      const held = [...(node.path?.pending.accepted() ?? [])];
      if (held.length > 0)
        return `${processName(node)} holds ${held.length} messages for unanswered`;
    }
    return undefined;
  }

  /** Without load no node runs more partitions than one must. */
  #spreadProblem(): string | undefined {
    const counts = this.#options.cluster.alive.map(
      (node) => node.path?.ownership.open().length ?? 0,
    );
    const fairShare = Math.ceil(this.#options.partitions / counts.length);
    const isEven = Math.max(...counts) <= fairShare;
    return isEven ? undefined : `the nodes run ${counts.join(", ")} partitions`;
  }

  /** A message that one node accepts is seen by who watches at another, and read at a third. */
  async #talkAcrossNodes(): Promise<void> {
    const { clients, clock, record } = this.#options;
    const agents = ["plain", "collect", "tools"];
    for (const agent of agents) {
      const ref = { organization: "acme", agent, conversation: "calm" as ConversationId };
      const [asked, watching, reading] = [this.#anyNode(), this.#anyNode(), this.#anyNode()];
      const conversation = ref as ConversationRef;
      const seen: string[] = [];
      const leave = await call(watching, async ({ conversations }) =>
        conversations.subscribe(conversation, ({ type }) => seen.push(type)),
      );
      // The owner learns of a watch over the bus.
      await delay(clock, 100);
      const operation = clients.calmOperation(conversation);
      const startedAt = clock.monotonic();
      const done = await call(asked, ({ conversations }) =>
        conversations.complete(operation.message, (end) => clock.schedule(10_000, end)),
      );
      operation.id = done.id;
      operation.ackedAt = clock.monotonic();
      this.#checkCalmEnd(asked, done.end, clock.monotonic() - startedAt);
      await delay(clock, 100);
      leave();
      const what = `the message of ${processName(asked)} in ${conversationKey(conversation)}`;
      if (!seen.includes("committed")) {
        record.violate(`${what} was not seen at ${processName(watching)}: ${seen.join(" ")}`);
      }
      const { length } = await this.#options.histories.read(reading, conversation);
      if (length === 0) record.violate(`${what} cannot be read at ${processName(reading)}`);
    }
  }

  #checkCalmEnd(node: SimNode, end: TurnEnd | undefined, ms: number): void {
    if (end?.type === "committed") return;
    this.#options.record.violate(
      `${processName(node)} ended a calm message with ${JSON.stringify(end)} after ${ms} ms`,
    );
  }

  /** Everything for a chat has left, or is flagged. */
  async #untilDelivered(): Promise<Map<string, readonly DeliveryView[]>> {
    const { clock, clients, record } = this.#options;
    const deadline = clock.monotonic() + doneMs;
    for (;;) {
      const all = new Map<string, readonly DeliveryView[]>();
      for (const ref of conversationsOf(clients.operations)) {
        const views = await call(this.#anyNode(), ({ conversations }) =>
          conversations.deliveries(ref),
        );
        all.set(conversationKey(ref), views);
      }
      const waiting = [...all].find(([, views]) => views.some(({ state }) => state === "accepted"));
      if (!waiting) return all;
      if (clock.monotonic() >= deadline) {
        record.violate(`${waiting[0]} still has something to send after ${doneMs} ms`);
        return all;
      }
      await delay(clock, 500);
    }
  }

  async #readAll(): Promise<Map<string, readonly StoredMessage[]>> {
    const all = new Map<string, readonly StoredMessage[]>();
    for (const ref of conversationsOf(this.#options.clients.operations)) {
      all.set(conversationKey(ref), await this.#options.histories.read(this.#anyNode(), ref));
    }
    return all;
  }

  async #compare(before: Map<string, readonly StoredMessage[]>): Promise<void> {
    for (const [key, messages] of await this.#readAll()) {
      if (messages.length !== before.get(key)?.length) {
        this.#options.record.violate(
          `${key} had ${before.get(key)?.length} messages and has ${messages.length} after recovery`,
        );
      }
    }
  }

  #letters(): Promise<readonly DeadLetter[]> {
    return call(this.#anyNode(), ({ conversations }) => conversations.deadLetters(undefined));
  }

  /** Each dead letter can be handled once its cause is gone. */
  async #replay(letters: readonly DeadLetter[]): Promise<void> {
    const { script, journal, record } = this.#options;
    script.poisonIsHealed = true;
    const ids = new Set<string>();
    for (const { id } of letters) {
      const { id: anew } = await call(this.#anyNode(), ({ conversations }) =>
        conversations.replay(undefined, id),
      );
      ids.add(anew);
    }
    await this.#within(doneMs, () => this.#workProblem());
    for (const id of ids) {
      if (journal.endings.get(id)?.kind !== "turn") {
        record.violate(`the replay ${id} of a dead letter was not answered`);
      }
    }
    const left = await this.#letters();
    if (left.length > 0) record.violate(`${left.length} dead letters are left`);
  }

  #ownersOf(partition: number): readonly SimNode[] {
    return this.#options.cluster.alive.filter((node) =>
      node.path?.ownership.open().some(({ number }) => number === partition),
    );
  }

  #anyNode(): SimNode {
    const { cluster, random } = this.#options;
    const { serving } = cluster;
    const node = serving[Math.floor(random.next() * serving.length)];
    if (!node) throw new ProcessEnded("No node serves.");
    return node;
  }
}
