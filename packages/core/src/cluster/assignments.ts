import { toHoldfastError } from "../errors.ts";
import type { KeyChange, KeyValue, Watch } from "../ports/key-value.ts";
import {
  type Assignment,
  assignmentBucket,
  decodeJson,
  encodeJson,
  partitionKey,
} from "./records.ts";

interface Seen {
  readonly assignment: Assignment;
  readonly revision: number;
}

/** Who owns which partition, kept true by a watch. */
export class Assignments {
  readonly #keyValue: KeyValue;
  readonly #seen: (Seen | undefined)[];
  readonly #listeners = new Set<(partition: number) => void>();
  #watch: Watch | undefined;
  #refreshing: Promise<void> | undefined;

  private constructor(keyValue: KeyValue, count: number) {
    this.#keyValue = keyValue;
    this.#seen = Array.from({ length: count }, () => undefined);
  }

  /** Errors: those of the port. */
  static async open(keyValue: KeyValue, count: number): Promise<Assignments> {
    const assignments = new Assignments(keyValue, count);
    assignments.#watch = await keyValue.watch(assignmentBucket, "partition", (change) =>
      assignments.#take(change),
    );
    return assignments;
  }

  get count(): number {
    return this.#seen.length;
  }

  of(partition: number): Assignment | undefined {
    return this.#seen[partition]?.assignment;
  }

  onChange(listen: (partition: number) => void): void {
    this.#listeners.add(listen);
  }

  /**
   * Writes a new assignment if nobody wrote one since it was seen; false when somebody may have. Errors:
   * those of the port.
   */
  async assign(partition: number, assignment: Assignment): Promise<boolean> {
    const key = partitionKey(partition);
    const seen = this.#seen[partition]?.revision ?? 0;
    try {
      const value = encodeJson(assignment);
      const revision = await this.#keyValue.update(assignmentBucket, key, value, seen);
      this.#see(partition, assignment, revision);
      return true;
    } catch (thrown) {
      const { code } = toHoldfastError(thrown);
      if (code === "revision_conflict" || code === "append_outcome_unknown") return false;
      throw thrown;
    }
  }

  /** Takes in what the engine holds now, without waiting for the watch. Errors: those of the port. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#readAll().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #readAll(): Promise<void> {
    for await (const { key, value, revision } of this.#keyValue.list(
      assignmentBucket,
      "partition",
    )) {
      this.#take({ key, value, revision });
    }
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  #take({ key, value, revision }: KeyChange): void {
    const partition = Number(key.slice(partitionKey(0).length - 1));
    if (value) this.#see(partition, decodeJson(value, key), revision);
  }

  #see(partition: number, assignment: Assignment, revision: number): void {
    if (revision <= (this.#seen[partition]?.revision ?? 0) || partition >= this.count) return;
    this.#seen[partition] = { assignment, revision };
    for (const listen of this.#listeners) listen(partition);
  }
}
