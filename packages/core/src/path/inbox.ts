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

  constructor(log: MessageLog, partition: number, gate: AppendGate, clock: Clock) {
    const name = inboxLog(partition);
    this.#queue = new CommitQueue(gate, (batch, pause) =>
      appendWithin(log, name, encodeRecord(null, batch), clock, pause),
    );
  }

  /** Resolves when the message is durable. Errors: see `Conversations.submit`. */
  append(message: InboundMessage): Promise<Committed> {
    return this.#queue.add(encodeEntry(message));
  }

  /** Appends an entry that is no message: it shows that the inbox takes writes and delivers them. */
  probe(): Promise<Committed> {
    return this.#queue.add(encodeEntry(null));
  }

  close(): void {
    this.#queue.close(
      new HoldfastError("not_ready", "The node is stopping.", { retryAfterMs: 1_000 }),
    );
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
  log: MessageLog,
  name: string,
  record: Uint8Array,
  clock: Clock,
  pause: Pause,
): Promise<number> {
  const deadline = clock.monotonic() + limits.appendTimeoutMs;
  let unknown: HoldfastError | undefined;
  for (;;) {
    try {
      return await log.append(name, record);
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (error.code === "append_outcome_unknown") unknown = error;
      else if (error.code !== "engine_unavailable") throw unknown ?? error;
      const left = deadline - clock.monotonic();
      if (left < limits.appendTryMs) throw unknown ?? error;
      await pause(() => delay(clock, limits.appendRetryMs));
    }
  }
}
