import { HoldfastError, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { Inbox } from "../path/inbox.ts";
import type { OwnerServices } from "../path/owner-services.ts";
import type { StepKey } from "../path/handed-steps.ts";
import { Partition } from "../path/partition.ts";
import { listenOnBus } from "../path/bus-listener.ts";
import { encodeEntry } from "../path/records.ts";
import type { HandOn } from "../path/running-steps.ts";
import type { Subscription } from "../ports/bus.ts";
import { delay } from "../ports/clock.ts";
import type { Assignments } from "./assignments.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Assignment, PartitionLoad } from "./records.ts";

/**
 * Said on `partition.N.opened`, `partition.N.sending` (it lets go when its sends have ended) and
 * `partition.N.released`: hints, which nothing depends on.
 */
interface OwnerNotice {
  readonly partition: number;
  readonly epoch: number;
  readonly node: NodeId;
  /** Steps that the node that released still runs, and will hand over. */
  readonly running?: readonly StepKey[];
}

interface Slot {
  readonly number: number;
  readonly inbox: Inbox;
  partition: Partition | undefined;
  /** The epoch that `partition` was opened with. */
  epoch: number;
  /** Of the highest epoch whose owner said that it has let go, which may be heard before the new assignment. */
  released: {
    readonly epoch: number;
    readonly node?: NodeId;
    readonly running: readonly StepKey[];
  };
  /** The highest epoch whose owner said that it still sends. */
  sending: number;
  /** An epoch that cannot be opened: its data must be looked at by a person. */
  broken: HoldfastError | undefined;
  busy: boolean;
  again: boolean;
  /** Aborts an opening that is no longer wanted. */
  opening: AbortController | undefined;
  wakeRelease: (() => void) | undefined;
  /** Waits for longer: what is being sent now would be of unknown outcome. */
  awaitSends: (() => void) | undefined;
}

export interface OwnershipOptions {
  readonly services: OwnerServices;
  readonly assignments: Assignments;
  readonly heartbeats: Heartbeats;
  /** A partition has a new owner somewhere, who answers now. */
  readonly onOpened: (partition: number) => void;
}

/** Runs the partitions that are assigned to this node, opens and closes them as the assignments change. */
export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #slots: readonly Slot[];
  readonly #listeners = new Set<() => void>();
  /** Partitions whose last steps still run here, though others own them. */
  readonly #leaving = new Set<Partition>();
  #notices: Subscription | undefined;
  #closed = false;

  constructor(options: OwnershipOptions) {
    const { services, assignments } = options;
    const { engine, gate, clock } = services;
    this.#options = options;
    this.#slots = Array.from({ length: assignments.count }, (_, number) => ({
      number,
      inbox: new Inbox(engine.messageLog, number, gate, clock),
      partition: undefined,
      epoch: 0,
      released: { epoch: 0, running: [] },
      sending: 0,
      broken: undefined,
      busy: false,
      again: false,
      opening: undefined,
      wakeRelease: undefined,
      awaitSends: undefined,
    }));
  }

  get count(): number {
    return this.#slots.length;
  }

  start(): void {
    const { services, assignments, heartbeats } = this.#options;
    this.#notices = listenOnBus<OwnerNotice>(
      services.engine.bus,
      "partition.*.*",
      (notice, subject) => this.#onNotice(subject, notice),
      services.report,
    );
    assignments.onChange((partition) => this.#wake(partition));
    heartbeats.onChange(() => {
      services.handed.checkSenders();
      this.#wakeAll();
    });
    this.#wakeAll();
  }

  readonly inbox = (partition: number): Inbox => this.#slot(partition).inbox;

  /** The partition while this node owns it and it is open. */
  readonly owner = (partition: number): Partition | undefined => {
    const open = this.#slot(partition).partition;
    return open?.isOpen ? open : undefined;
  };

  /** Who answers for a partition as far as this node knows. */
  readonly ownerNode = (partition: number): NodeId | undefined =>
    this.#options.assignments.of(partition)?.node;

  open(): readonly Partition[] {
    return this.#slots.flatMap(({ partition }) => (partition?.isOpen ? [partition] : []));
  }

  loads(): readonly PartitionLoad[] {
    return this.#slots.flatMap(({ partition, number, epoch }) =>
      partition?.isOpen
        ? [
            {
              partition: number,
              epoch,
              isOpen: true,
              lag: partition.lag,
              activeConversations: partition.activeConversations,
              ...partition.takeTurnFigures(),
            },
          ]
        : [],
    );
  }

  /**
   * Resolves when every partition has an owner and this node's are open. Errors: those of an opening that
   * will not succeed, `engine_unavailable` after `openPatienceMs`.
   */
  async settled(): Promise<void> {
    const { services, assignments } = this.#options;
    const { clock, node } = services;
    const isSettled = () =>
      this.#slots.every(({ number, partition, broken }) => {
        if (broken) throw broken;
        const assignment = assignments.of(number);
        return assignment !== undefined && (assignment.node !== node || partition?.isOpen === true);
      });
    const deadline = clock.monotonic() + limits.openPatienceMs;
    while (!isSettled() && !this.#closed) {
      const left = deadline - clock.monotonic();
      if (left <= 0) {
        throw new HoldfastError("engine_unavailable", "The node's partitions could not be opened.");
      }
      await this.changed(left);
    }
  }

  /** Whether anything runs here or is assigned to this node. */
  holdsAny(): boolean {
    const { services, assignments } = this.#options;
    const isHeld = ({ number, partition }: Slot) =>
      partition?.isOpen === true || assignments.of(number)?.node === services.node;
    return this.#leaving.size > 0 || this.#slots.some(isHeld);
  }

  /** Resolves at the next change of a partition, or after `timeoutMs`. */
  changed(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        this.#listeners.delete(finish);
        resolve();
      };
      const cancel = this.#options.services.clock.schedule(timeoutMs, finish);
      this.#listeners.add(finish);
    });
  }

  /** Sends a probe through every open partition. Errors: the first failure of one that stayed here. */
  async probe(): Promise<void> {
    const one = async (partition: Partition) => {
      try {
        await partition.probe(this.inbox(partition.number));
      } catch (thrown) {
        if (this.owner(partition.number) === partition) throw thrown;
      }
    };
    await Promise.all(this.open().map(one));
  }

  /** Stops at once: the journal holds everything that the next owner needs. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#notices?.close();
    for (const slot of this.#slots) {
      slot.inbox.close();
      slot.opening?.abort();
    }
    await Promise.all([...this.open(), ...this.#leaving].map((partition) => partition.close()));
    this.#tellChange();
  }

  #tellChange(): void {
    for (const listen of this.#listeners) listen();
  }

  #wakeAll(): void {
    for (const { number } of this.#slots) this.#wake(number);
  }

  #wake(number: number): void {
    const slot = this.#slot(number);
    this.#tellChange();
    if (slot.opening && !this.#isMine(slot, slot.epoch)) slot.opening.abort();
    if (slot.busy) slot.again = true;
    else void this.#settle(slot);
  }

  /** Brings what runs here in line with what is assigned. */
  async #settle(slot: Slot): Promise<void> {
    slot.busy = true;
    try {
      do {
        slot.again = false;
        await this.#step(slot);
      } while (slot.again && !this.#closed);
    } finally {
      slot.busy = false;
      this.#tellChange();
    }
  }

  async #step(slot: Slot): Promise<void> {
    if (this.#closed) return;
    const assignment = this.#options.assignments.of(slot.number);
    if (slot.partition?.isOpen && !this.#isMine(slot, slot.epoch)) await this.#release(slot);
    const isWanted = assignment !== undefined && this.#isMine(slot, assignment.epoch);
    if (isWanted && !slot.partition?.isOpen && !slot.broken) await this.#open(slot, assignment);
  }

  #isMine({ number }: Slot, epoch: number): boolean {
    const { assignments, heartbeats, services } = this.#options;
    const assignment = assignments.of(number);
    return assignment?.node === services.node && assignment.epoch === epoch && !heartbeats.isCutOff;
  }

  /** In good order, unless this node is cut off and nobody could take anything from it. */
  async #release(slot: Slot): Promise<void> {
    const { services, heartbeats } = this.#options;
    const { partition, number, epoch } = slot;
    slot.partition = undefined;
    if (!partition) return;
    if (heartbeats.isCutOff) {
      await partition.close();
      return;
    }
    if (partition.sendsInFlight > 0) {
      this.#say("sending", { partition: number, epoch, node: services.node });
    }
    // Also if the partition has moved on by then: that one waits for them, and hands them on.
    const next = this.ownerNode(number) ?? services.node;
    const handOn: HandOn = (key, step) => void services.handed.send(next, key, step);
    // The next owner must know what it waits for before it comes.
    const early: Parameters<HandOn>[] = [];
    let give: HandOn = (...step) => early.push(step);
    const running = await partition.handOver(limits.handOverMs, (...step) => give(...step));
    services.handed.promise(running);
    this.#say("released", { partition: number, epoch, node: services.node, running });
    give = handOn;
    for (const step of early) handOn(...step);
    if (running.length === 0) await partition.close();
    else void this.#finish(partition);
  }

  /** The steps that still run end here, however long they take; their turns go on elsewhere. */
  async #finish(partition: Partition): Promise<void> {
    this.#leaving.add(partition);
    await partition.idle();
    await partition.close();
    this.#leaving.delete(partition);
    this.#tellChange();
  }

  async #open(slot: Slot, assignment: Assignment): Promise<void> {
    const { services, heartbeats } = this.#options;
    const { clock, node } = services;
    const { number } = slot;
    const { epoch, from } = assignment;
    slot.epoch = epoch;
    const opening = new AbortController();
    slot.opening = opening;
    const isHandedOver = from !== undefined && from !== node && heartbeats.isAlive(from);
    const ready = isHandedOver ? this.#released(slot, epoch) : Promise.resolve(false);
    for (let pauseMs: number = limits.reopenMinMs; !opening.signal.aborted; ) {
      try {
        const partition = await Partition.open(number, epoch, services, {
          ready,
          onLost: (error) => this.#onLost(slot, epoch, error),
        });
        if (opening.signal.aborted || this.#closed) {
          await partition.close();
          break;
        }
        slot.partition = partition;
        this.#say("opened", { partition: number, epoch, node });
        break;
      } catch (thrown) {
        const error = toHoldfastError(thrown);
        services.report(error, `opening of partition ${number}`);
        if (isHopeless(error)) {
          slot.broken = error;
          break;
        }
        await delay(clock, pauseMs, opening.signal);
        pauseMs = Math.min(limits.reopenMaxMs, pauseMs * 2);
      }
    }
    slot.opening = undefined;
  }

  /** Resolves when the last owner has let go (true), or has had its time (false). */
  #released(slot: Slot, epoch: number): Promise<boolean> {
    if (slot.released.epoch >= epoch - 1) {
      this.#expectSteps(slot);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const { clock } = this.#options.services;
      const giveUpAfter = (ms: number) => clock.schedule(ms, () => finish(false));
      const finish = (isReleased: boolean) => {
        cancel();
        slot.wakeRelease = undefined;
        slot.awaitSends = undefined;
        resolve(isReleased);
      };
      const isSending = slot.sending >= epoch - 1;
      const longMs = limits.sendHandOverMs + limits.handOverMaxMs;
      let cancel = giveUpAfter(isSending ? longMs : limits.handOverMaxMs);
      slot.wakeRelease = () => finish(true);
      slot.awaitSends = () => {
        cancel();
        cancel = giveUpAfter(longMs);
      };
    });
  }

  #onNotice(subject: string, { partition, epoch, node, running = [] }: OwnerNotice): void {
    const slot = this.#slots[partition];
    if (!slot || this.#closed) return;
    if (subject.endsWith(".opened")) {
      if (node !== this.#options.services.node) this.#options.onOpened(partition);
      return;
    }
    const assigned = this.#options.assignments.of(partition)?.epoch ?? 0;
    if (subject.endsWith(".sending")) {
      if (epoch <= assigned) slot.sending = Math.max(slot.sending, epoch);
      if (slot.sending >= assigned - 1) slot.awaitSends?.();
      return;
    }
    // An epoch that was never assigned says nothing.
    if (epoch > assigned || epoch <= slot.released.epoch) return;
    slot.released = { epoch, node, running };
    // Also of an owner before the last one, which had no time to begin.
    if (this.ownerNode(partition) === this.#options.services.node) this.#expectSteps(slot);
    if (epoch >= assigned - 1) slot.wakeRelease?.();
  }

  /** Steps that the last owner still runs are waited for. */
  #expectSteps({ released: { node, running } }: Slot): void {
    const { node: self, handed } = this.#options.services;
    if (node !== undefined && node !== self) handed.expect(node, running);
  }

  #say(what: "opened" | "sending" | "released", notice: OwnerNotice): void {
    const { bus } = this.#options.services.engine;
    bus.publish(`partition.${notice.partition}.${what}`, encodeEntry(notice));
    if (what === "opened") this.#options.onOpened(notice.partition);
  }

  #onLost(slot: Slot, epoch: number, error: HoldfastError): void {
    if (isHopeless(error)) slot.broken = error;
    const { clock } = this.#options.services;
    // The assignment that explains it may still be on its way.
    void delay(clock, limits.reopenMinMs).then(() => {
      if (!this.#closed && slot.epoch === epoch) this.#wake(slot.number);
    });
  }

  #slot(partition: number): Slot {
    const slot = this.#slots[partition];
    if (slot) return slot;
    throw new HoldfastError("internal", `There is no partition ${partition}.`);
  }
}

/** What no further try mends. */
function isHopeless({ code }: HoldfastError): boolean {
  return code === "data_corrupt" || code === "home_too_new";
}
