import { type Follower, type LogRecord, limits, type MessageLog } from "@holdfast/core";
import { createFeed } from "./feed.ts";
import type { Link } from "./link.ts";
import { checkName, checkSize, logNamed, type MemoryStore } from "./memory-store.ts";
import type { StoredLog } from "./stored-log.ts";

export function createMemoryMessageLog(store: MemoryStore, link: Link): MessageLog {
  return {
    async append(log, data, options = {}) {
      checkName(log);
      checkSize(data, limits.enginePayloadBytes);
      const copy = data.slice();
      return link.perform({ kind: "append", target: log, writes: true }, () =>
        logNamed(store, log).append(copy, options.expectedLast),
      );
    },
    async *read(log, from) {
      checkName(log);
      const records = await link.perform({ kind: "read", target: log, writes: false }, () =>
        logNamed(store, log).tail(from),
      );
      yield* records.map(copyOf);
    },
    async follow(log, from, handle) {
      checkName(log);
      const stored = await link.perform({ kind: "read", target: log, writes: false }, () =>
        logNamed(store, log),
      );
      return followStored(link, log, stored, from, handle);
    },
    async bounds(log) {
      checkName(log);
      return link.perform({ kind: "read", target: log, writes: false }, () =>
        logNamed(store, log).bounds(),
      );
    },
    async truncate(log, before) {
      checkName(log);
      await link.perform({ kind: "truncate", target: log, writes: true }, () =>
        logNamed(store, log).truncate(before),
      );
    },
  };
}

function followStored(
  link: Link,
  log: string,
  stored: StoredLog,
  from: number,
  handle: (record: LogRecord) => void,
): Follower {
  let next = from;
  const take = () => {
    next = Math.max(next, stored.bounds().first);
    // What is left begins behind `from`; a follower of the future waits for its first sequence.
    if (next < from) return undefined;
    const record = stored.at(next);
    if (record) next += 1;
    return record && copyOf(record);
  };
  const feed = createFeed(link, log, { take, listen: stored.onAppend }, handle);
  return {
    nudge(sequence) {
      if (sequence >= next) feed.hurry();
    },
    async close() {
      feed.close();
    },
  };
}

/** Readers get their own bytes: what one of them does to them must not change what is stored. */
function copyOf(record: LogRecord): LogRecord {
  return { sequence: record.sequence, data: record.data.slice() };
}
