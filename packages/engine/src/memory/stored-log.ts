import { type Cancel, HoldfastError, type LogBounds, type LogRecord } from "@holdfast/core";

/** A log's data, shared by all views. Every call takes effect at once. */
export interface StoredLog {
  append(data: Uint8Array, expectedLast: number | undefined): number;
  at(sequence: number): LogRecord | undefined;
  /** The records from `from` on that are left. */
  tail(from: number): readonly LogRecord[];
  bounds(): LogBounds;
  truncate(before: number): void;
  /** Calls `run` after each append. */
  readonly onAppend: (run: () => void) => Cancel;
}

export function createStoredLog(): StoredLog {
  let records: LogRecord[] = [];
  let last = 0;
  let bytes = 0;
  const listeners = new Set<() => void>();
  const first = () => records[0]?.sequence ?? last + 1;

  return {
    append(data, expectedLast) {
      if (expectedLast !== undefined && expectedLast !== last)
        throw new HoldfastError(
          "wrong_last_sequence",
          `The log's last sequence is ${last}, not ${expectedLast}.`,
        );
      last += 1;
      bytes += data.length;
      records.push({ sequence: last, data });
      for (const run of listeners) run();
      return last;
    },
    at: (sequence) => records[sequence - first()],
    tail: (from) => records.slice(Math.max(0, from - first())),
    bounds: () => ({ first: first(), last, bytes }),
    truncate(before) {
      records = records.slice(Math.max(0, Math.min(before, last) - first()));
      bytes = records.reduce((sum, record) => sum + record.data.length, 0);
    },
    onAppend(run) {
      listeners.add(run);
      return () => listeners.delete(run);
    },
  };
}
