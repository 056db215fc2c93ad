/**
 * Append-only logs with a total order.
 *
 * Order: records of one log have rising sequences, without gaps from `first` to `last`.
 * Durability: when `append` resolves, the record is on disk on a majority of the log's replicas.
 * Fencing: an append that gives `expectedLast` succeeds only if the log's last sequence is that.
 * Errors: `wrong_last_sequence` (not stored), `append_outcome_unknown` (may be stored),
 * `engine_unavailable` and `storage_full` (not stored), `payload_too_large` (not stored).
 */
export interface MessageLog {
  append(log: string, data: Uint8Array, options?: AppendOptions): Promise<number>;
  /**
   * The records from `from` (or the first that is left) up to the log's end at the time of the call,
   * in order. Reads what a majority has committed; a lagging replica is never believed.
   */
  read(log: string, from: number): AsyncIterable<LogRecord>;
  /**
   * Hands every record from `from` on to `handle`, in order, each exactly once, until closed; records
   * appended by any node follow by themselves. `handle` must not throw.
   */
  follow(log: string, from: number, handle: (record: LogRecord) => void): Promise<Follower>;
  bounds(log: string): Promise<LogBounds>;
  /** Removes the records before `before`. Never removes the last record. */
  truncate(log: string, before: number): Promise<void>;
}

export interface AppendOptions {
  /** Sequence that the log's last record must have (0 for an empty log). */
  readonly expectedLast?: number;
}

export interface LogRecord {
  readonly sequence: number;
  readonly data: Uint8Array;
}

export interface LogBounds {
  /** Sequence of the first record that is left; `last + 1` when there is none. */
  readonly first: number;
  /** Sequence of the last record ever appended; 0 when there was none. */
  readonly last: number;
  readonly bytes: number;
}

export interface Follower {
  /** Hint that the log holds a record with this sequence: fetch it now if it has not arrived. */
  nudge(sequence: number): void;
  close(): Promise<void>;
}
