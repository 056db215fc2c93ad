import { HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { InboundMessage } from "../messages.ts";
import { type Clock, delay } from "../ports/clock.ts";
import type { LogRecord, MessageLog } from "../ports/message-log.ts";
import { type AppendGate, type Committed, CommitQueue, type Pause } from "./commit-queue.ts";
import { decodeRecord, encodeEntry, encodeRecord } from "./records.ts";
import { inboxLog } from "./router.ts";

/**
 * Stage 3 of the message path: what arrived, durable, before anybody is told that it was accepted.
 * Any node may append; order inside a partition is the order of the log.
 */
export class Inbox {
  readonly #queue: CommitQueue;
  /** Of stateless calls, which no later record is recognised as a repeat of. */
  readonly #onceQueue: CommitQueue;

  constructor(log: MessageLog, partition: number, gate: AppendGate, clock: Clock) {
    const name = inboxLog(partition);
    const queue = (mayRepeat: boolean) =>
      new CommitQueue(gate, (batch, pause) =>
        appendWithin({ log, name, clock, pause, mayRepeat }, encodeRecord(null, batch)),
      );
    this.#queue = queue(true);
    this.#onceQueue = queue(false);
  }

  /** Resolves when the message is durable. Errors: see `Conversations.submit`. */
  append(message: InboundMessage): Promise<Committed> {
    const queue = message.ephemeral ? this.#onceQueue : this.#queue;
    return queue.add(encodeEntry(message));
  }

  /** Appends an entry that is no message: it shows that the inbox takes writes and delivers them. */
  probe(): Promise<Committed> {
    return this.#queue.add(encodeEntry(null));
  }

  close(): void {
    const reason = new HoldfastError("not_ready", "The node is stopping.", { retryAfterMs: 1_000 });
    this.#queue.close(reason);
    this.#onceQueue.close(reason);
  }
}

/** The entries of one inbox record, in order; null is a probe. */
export function readInboxRecord(
  partition: number,
  record: LogRecord,
): readonly (InboundMessage | null)[] {
  const where = `${inboxLog(partition)} record ${record.sequence}`;
  return decodeRecord<null, InboundMessage | null>(record.data, where).entries;
}

/**
 * Tried again for as long as callers may be kept waiting, also when it may have been stored: every message
 * has its id, by which the owner drops a second record of it. Errors: `append_outcome_unknown` when any try
 * may have been stored, else that of the last.
 */
async function appendWithin(
  { log, name, clock, pause, mayRepeat }: Appending,
  record: Uint8Array,
): Promise<number> {
  const deadline = clock.monotonic() + limits.appendTimeoutMs;
  let unknown: HoldfastError | undefined;
  for (;;) {
    try {
      return await log.append(name, record);
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (error.code === "append_outcome_unknown" && mayRepeat) unknown = error;
      else if (error.code !== "engine_unavailable") throw unknown ?? error;
      const left = deadline - clock.monotonic();
      if (left < limits.appendTryMs) throw unknown ?? error;
      await pause(() => delay(clock, limits.appendRetryMs));
    }
  }
}

interface Appending {
  readonly log: MessageLog;
  readonly name: string;
  readonly clock: Clock;
  readonly pause: Pause;
  /** Whether a record that may have been stored may be stored once more. */
  readonly mayRepeat: boolean;
}
