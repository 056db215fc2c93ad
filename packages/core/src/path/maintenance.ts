import { type HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Cancel } from "../ports/clock.ts";
import { type ActiveConversation, isEphemeralKey, isIdle } from "./active-conversation.ts";
import { HistoryPages } from "./history.ts";
import type { Journal } from "./journal.ts";
import type { OwnerServices } from "./owner-services.ts";
import { type ActiveConversations, excessOf, unusedSince } from "./passivation.ts";
import { inboxLog } from "./router.ts";

const intervalMs = 1_000;
const blockRecords = 256;

/** What maintenance asks of the partition. */
interface PartitionView {
  readonly active: ActiveConversations;
  /** Brings a conversation into memory that only the journal's tail knows. */
  readonly activate: (key: string) => Promise<ActiveConversation | undefined>;
  /** Says in the tail that the conversation has something to send. */
  readonly carry: (conversation: ActiveConversation) => Promise<void>;
  readonly lost: (error: HoldfastError) => void;
}

/**
 * The background work of a partition: checkpoints, truncation behind them, history pages and passivation.
 * None of it is on the way of a message; all of it may be cut off at any point and begun again.
 */
export class Maintenance {
  newestInbox = 0;
  readonly #services: OwnerServices;
  readonly #number: number;
  readonly #journal: Journal;
  readonly #partition: PartitionView;
  /** Conversations with entries that no checkpoint holds, and the first such sequence of each. */
  readonly #dirty: Map<string, number>;
  /**
   * Stateless calls have no checkpoint: their entries stay until the watermark has passed their input.
   * The first journal sequence needed, by block of inbox records, so that a message that waits for long
   * costs little however many calls pass it.
   */
  readonly #ephemeral = new Map<number, number>();
  #truncatedInbox = 0;
  #timer: Cancel | undefined;
  #closed = false;

  constructor(
    services: OwnerServices,
    number: number,
    journal: Journal,
    dirty: Map<string, number>,
    partition: PartitionView,
  ) {
    this.#services = services;
    this.#number = number;
    this.#journal = journal;
    this.#dirty = dirty;
    this.#partition = partition;
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = this.#services.clock.schedule(intervalMs, () => {
      void this.#guarded(() => this.#run()).finally(() => this.start());
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.();
  }

  /** The journal holds an entry of this conversation that its checkpoint does not. */
  changed(conversation: ActiveConversation, sequence: number): void {
    if (!this.#dirty.has(conversation.key)) this.#dirty.set(conversation.key, sequence);
  }

  /** A stateless call is finished: its entries may go once the inbox will not deliver it again. */
  ephemeralDone(key: string, inbox: number, sequence: number): void {
    const block = Math.floor(inbox / blockRecords);
    const journal = this.#dirty.get(key) ?? sequence;
    this.#ephemeral.set(block, Math.min(journal, this.#ephemeral.get(block) ?? journal));
    this.#dirty.delete(key);
  }

  /** Puts the oldest messages of a long conversation into a history page. */
  seal(conversation: ActiveConversation): void {
    const { state, sealing, ephemeral } = conversation;
    if (!state || sealing || ephemeral) return;
    conversation.sealing = true;
    void this.#guarded(async () => {
      while (HistoryPages.isDue(state)) await this.#services.history.seal(conversation.key, state);
    }).finally(() => {
      conversation.sealing = false;
    });
  }

  async #run(): Promise<void> {
    await this.#passivate();
    const first = this.#firstNeeded();
    const isLong = this.#journal.last - first > limits.journalTailRecords;
    if (isLong || this.#journal.tailBytes > limits.journalTailBytes) await this.#shortenTail();
    await this.#truncateInbox();
  }

  /** Saves the conversations that hold the oldest half of the tail, then truncates behind them. */
  async #shortenTail(): Promise<void> {
    const first = this.#firstNeeded();
    const middle = first + (this.#journal.last - first) / 2;
    const oldest: string[] = [];
    for (const [key, sequence] of this.#dirty) if (sequence <= middle) oldest.push(key);
    await this.#checkpoint(oldest);
    await this.#truncate();
  }

  /** The first journal sequence that a recovery would need. */
  #firstNeeded(): number {
    let first = this.#journal.last;
    for (const sequence of this.#dirty.values()) first = Math.min(first, sequence);
    for (const [block, journal] of this.#ephemeral) {
      const last = (block + 1) * blockRecords - 1;
      if (last <= this.#journal.durableWatermark) this.#ephemeral.delete(block);
      else first = Math.min(first, journal);
    }
    return first;
  }

  async #truncate(): Promise<void> {
    this.#services.reach("beforeTruncation");
    await this.#journal.truncate(this.#firstNeeded());
    this.#services.reach("afterTruncation");
  }

  async #truncateInbox(): Promise<void> {
    const before = this.#journal.durableWatermark + 1;
    if (before <= this.#truncatedInbox) return;
    await this.#services.engine.messageLog.truncate(inboxLog(this.#number), before);
    this.#truncatedInbox = before;
  }

  /** Puts out of memory what was not used for long, and the longest unused when there is too much. */
  async #passivate(): Promise<void> {
    const { active } = this.#partition;
    const since = this.#services.clock.monotonic() - limits.passivateAfterMs;
    const leaving = excessOf(active) ?? unusedSince(active, since);
    await this.#checkpoint(leaving.map(({ key }) => key));
    for (const conversation of leaving) {
      if (isIdle(conversation) && !this.#dirty.has(conversation.key)) {
        active.delete(conversation.key);
      }
    }
  }

  async #checkpoint(keys: readonly string[]): Promise<void> {
    const left = keys.filter((key) => this.#dirty.has(key) && !isEphemeralKey(key));
    const worker = async (): Promise<void> => {
      for (let key = left.pop(); key !== undefined && !this.#closed; key = left.pop()) {
        await this.#checkpointOne(key);
      }
    };
    await Promise.all(Array.from({ length: limits.checkpointsInFlight }, worker));
  }

  async #checkpointOne(key: string): Promise<void> {
    const conversation = await this.#partition.activate(key);
    const state = conversation?.state;
    if (!conversation || !state || conversation.saving) return;
    conversation.saving = true;
    const { journaled } = state;
    try {
      this.#services.reach("beforeCheckpoint");
      const { checkpoints } = this.#services;
      conversation.revision = await checkpoints.save(key, state, conversation.revision);
      this.#services.reach("afterCheckpoint");
    } finally {
      conversation.saving = false;
    }
    // The tail is where the next owner finds what is still to be sent.
    if (state.outbox?.waiting[0]) await this.#partition.carry(conversation);
    // What came in meanwhile has a higher sequence than the checkpoint.
    this.#dirty.delete(key);
    if (state.journaled > journaled) this.#dirty.set(key, journaled + 1);
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (this.#closed) return;
      if (error.code === "ownership_lost") this.#partition.lost(error);
      else this.#services.report(error, `maintenance of partition ${this.#number}`);
    }
  }
}
