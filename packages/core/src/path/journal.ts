import { HoldfastError, toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import { limits } from "../limits.ts";
import { type Clock, delay } from "../ports/clock.ts";
import type { MessageLog } from "../ports/message-log.ts";
import type { Random } from "../ports/random.ts";
import { type AppendGate, CommitQueue, type Pause } from "./commit-queue.ts";
import type { JournalEntry } from "./conversation-state.ts";
import { type DecodedRecord, decodeRecord, encodeEntry, encodeRecord } from "./records.ts";
import { journalLog } from "./router.ts";

/** Head of every journal record. */
interface JournalHead {
  readonly epoch: number;
  readonly node: string;
  /** Names the append, so that a writer knows its own record again. */
  readonly append: string;
  /** Every inbox record up to this sequence is done. */
  readonly watermark: number;
}

export type JournalRecord = DecodedRecord<JournalHead, JournalEntry>;

export interface JournalOptions {
  readonly log: MessageLog;
  readonly partition: number;
  readonly epoch: number;
  readonly node: NodeId;
  readonly gate: AppendGate;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked at each append: everything up to this inbox record is done. */
  readonly watermark: () => number;
  /** Resolves when the last owner has let go, or has had its time. */
  readonly ready: Promise<unknown>;
  /** The journal belongs to another owner now; nothing more will be written. */
  readonly onLost: (error: HoldfastError) => void;
}

/**
 * Stage 6 of the message path: what the owner decided. Every append carries the sequence that the log
 * must end with, so an owner whose partition was opened by another can write nothing any more.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #name: string;
  readonly #queue: CommitQueue;
  #last = 0;
  #watermark = 0;
  #bytes = 0;
  #closed = false;

  private constructor(options: JournalOptions) {
    this.#options = options;
    this.#name = journalLog(options.partition);
    this.#queue = new CommitQueue(options.gate, (batch, pause) => this.#commit(batch, pause));
  }

  /**
   * Takes the journal over. What stands there is read first, while the last owner may still write, so that
   * little is left to read between its last record and the first of this owner. `replay` gets every record
   * in order. Errors: `ownership_lost` when a higher epoch was here first, `engine_unavailable`.
   */
  static async open(
    options: JournalOptions,
    replay: (sequence: number, record: JournalRecord) => void,
  ): Promise<Journal> {
    const journal = new Journal(options);
    const [, read] = await Promise.all([options.ready, journal.#replay(1, replay)]);
    const opened = await journal.#takeOver();
    await journal.#replay(read + 1, replay, opened);
    journal.#last = opened;
    return journal;
  }

  /** Reads from a sequence on; resolves to the last one read. */
  async #replay(
    from: number,
    replay: (sequence: number, record: JournalRecord) => void,
    until = Number.POSITIVE_INFINITY,
  ): Promise<number> {
    let last = from - 1;
    for await (const { sequence, data } of this.#options.log.read(this.#name, from)) {
      if (sequence > until) break;
      this.#bytes += data.byteLength;
      replay(sequence, this.#decode(sequence, data));
      last = sequence;
    }
    return last;
  }

  /** Sequence of the newest record. */
  get last(): number {
    return this.#last;
  }

  /** The watermark that the newest record holds: only what is behind it may leave the inbox. */
  get durableWatermark(): number {
    return this.#watermark;
  }

  /** Bytes written or read since the last truncation. */
  get tailBytes(): number {
    return this.#bytes;
  }

  /** Resolves to the sequence of the entry's record when it is durable. */
  async append(entry: JournalEntry): Promise<number> {
    return (await this.#queue.add(encodeEntry(entry))).sequence;
  }

  async truncate(before: number): Promise<void> {
    await this.#options.log.truncate(this.#name, before);
    this.#bytes = (await this.#options.log.bounds(this.#name)).bytes;
  }

  /** Takes nothing any more; resolves when what was in flight is known to be stored or not. */
  async finish(): Promise<void> {
    this.close();
    await this.#queue.idle();
  }

  close(): void {
    this.#closed = true;
    this.#queue.close(new HoldfastError("not_ready", "The partition is closed on this node."));
  }

  async #takeOver(): Promise<number> {
    const token = this.#head(0).append;
    for (;;) {
      const { last } = await this.#options.log.bounds(this.#name);
      const head = await this.#headOf(last);
      this.#watermark = head?.watermark ?? 0;
      // A try that was given up for lost has arrived after all.
      if (head?.append === token) return last;
      if (head && !this.#mayFollow(head)) {
        throw new HoldfastError(
          "ownership_lost",
          `Partition ${this.#options.partition} was opened by ${head.node} with epoch ${head.epoch}, not below ${this.#options.epoch}.`,
        );
      }
      const opened = { ...this.#head(this.#watermark), append: token };
      const entry: JournalEntry = {
        t: "opened",
        epoch: this.#options.epoch,
        node: this.#options.node,
      };
      try {
        return await this.#options.log.append(
          this.#name,
          encodeRecord(opened, [encodeEntry(entry)]),
          { expectedLast: last },
        );
      } catch (thrown) {
        const { code } = toHoldfastError(thrown);
        const mayBeOurs = code === "append_outcome_unknown" || code === "wrong_last_sequence";
        if (!mayBeOurs) throw thrown;
      }
    }
  }

  /** A node that stopped may open its own epoch again: whatever it was still writing, the log refuses. */
  #mayFollow({ epoch, node }: JournalHead): boolean {
    const { epoch: ours, node: self } = this.#options;
    return epoch < ours || (epoch === ours && node === self);
  }

  async #commit(batch: readonly Uint8Array[], pause: Pause): Promise<number> {
    const head = this.#head(this.#options.watermark());
    const record = encodeRecord(head, batch);
    const sequence = await this.#appendFenced(head, record, pause);
    this.#last = sequence;
    this.#watermark = head.watermark;
    this.#bytes += record.byteLength;
    return sequence;
  }

  /** Repeats the same append until it is known to be stored, or known to be ours no more. */
  async #appendFenced(head: JournalHead, record: Uint8Array, pause: Pause): Promise<number> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#options.log.append(this.#name, record, { expectedLast: this.#last });
      } catch (thrown) {
        const error = toHoldfastError(thrown);
        if (error.code === "wrong_last_sequence") {
          const ours = await this.#ownAppend(head, pause);
          if (ours !== undefined) return ours;
          const lost = new HoldfastError(
            "ownership_lost",
            `Partition ${this.#options.partition} has another owner than ${this.#options.node}.`,
          );
          this.#options.onLost(lost);
          throw lost;
        }
        if (this.#closed || error.retry === "never") throw error;
        const backoff = Math.min(limits.journalRetryMaxMs, 20 * 2 ** Math.min(attempt, 6));
        await pause(() => delay(this.#options.clock, backoff));
      }
    }
  }

  /** After "wrong last sequence": the sequence when the last record is this very append. */
  async #ownAppend(head: JournalHead, pause: Pause): Promise<number | undefined> {
    for (;;) {
      try {
        const { last } = await this.#options.log.bounds(this.#name);
        return (await this.#headOf(last))?.append === head.append ? last : undefined;
      } catch (thrown) {
        if (this.#closed || toHoldfastError(thrown).retry === "never") throw thrown;
        await pause(() => delay(this.#options.clock, 100));
      }
    }
  }

  async #headOf(sequence: number): Promise<JournalHead | undefined> {
    if (sequence === 0) return undefined;
    for await (const record of this.#options.log.read(this.#name, sequence)) {
      if (record.sequence === sequence) return this.#decode(sequence, record.data).head;
    }
    return undefined;
  }

  #head(watermark: number): JournalHead {
    const { epoch, node, random } = this.#options;
    return { epoch, node, append: random.token(16), watermark };
  }

  #decode(sequence: number, data: Uint8Array): JournalRecord {
    return decodeRecord<JournalHead, JournalEntry>(data, `${this.#name} record ${sequence}`);
  }
}
