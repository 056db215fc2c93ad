import { assignmentBucket, decodeJson, encodeJson } from "../cluster/records.ts";
import { toHoldfastError } from "../errors.ts";
import type { NodeId } from "../ids.ts";
import type { KeyChange, KeyValue, Watch } from "../ports/key-value.ts";

/** Who owns a channel account: the value of `account.ORGANIZATION.NAME` in the bucket `assignments`. */
export interface AccountAssignment {
  readonly node: NodeId;
  /** Rises with every change of owner. */
  readonly epoch: number;
  /** Who had it before and lets go of it in good order. */
  readonly from?: NodeId;
}

interface Seen {
  readonly assignment: AccountAssignment;
  readonly revision: number;
}

/** `organization/name`, the key of an account in maps. */
export function accountKey(account: {
  readonly organization: string;
  readonly name: string;
}): string {
  return `${account.organization}/${account.name}`;
}

const prefix = "account";

/** Who owns which channel account, kept true by a watch. */
export class AccountAssignments {
  readonly #keyValue: KeyValue;
  readonly #seen = new Map<string, Seen>();
  readonly #listeners = new Set<(key: string) => void>();
  #watch: Watch | undefined;

  private constructor(keyValue: KeyValue) {
    this.#keyValue = keyValue;
  }

  /** Errors: those of the port. */
  static async open(keyValue: KeyValue): Promise<AccountAssignments> {
    const assignments = new AccountAssignments(keyValue);
    assignments.#watch = await keyValue.watch(assignmentBucket, prefix, (change) =>
      assignments.#take(change),
    );
    return assignments;
  }

  of(key: string): AccountAssignment | undefined {
    return this.#seen.get(key)?.assignment;
  }

  get all(): Iterable<readonly [string, AccountAssignment]> {
    return [...this.#seen].map(([key, { assignment }]) => [key, assignment] as const);
  }

  /** Calls `listen`, which must not throw, with the key of an account whose owner changed. */
  onChange(listen: (key: string) => void): void {
    this.#listeners.add(listen);
  }

  /** False when somebody else may have written meanwhile. Errors: those of the port. */
  async assign(key: string, assignment: AccountAssignment): Promise<boolean> {
    const at = `${prefix}.${key.replace("/", ".")}`;
    const seen = this.#seen.get(key)?.revision ?? 0;
    try {
      const value = encodeJson(assignment);
      const revision = await this.#keyValue.update(assignmentBucket, at, value, seen);
      this.#see(key, { assignment, revision });
      return true;
    } catch (thrown) {
      const { code } = toHoldfastError(thrown);
      if (code === "revision_conflict" || code === "append_outcome_unknown") return false;
      throw thrown;
    }
  }

  /** Takes in what the engine holds now, without waiting for the watch. Errors: those of the port. */
  async refresh(): Promise<void> {
    for await (const { key, value, revision } of this.#keyValue.list(assignmentBucket, prefix)) {
      this.#take({ key, value, revision });
    }
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  #take({ key: at, value, revision }: KeyChange): void {
    const key = at.slice(prefix.length + 1).replace(".", "/");
    if (value) this.#see(key, { assignment: decodeJson(value, at), revision });
  }

  #see(key: string, seen: Seen): void {
    if (seen.revision <= (this.#seen.get(key)?.revision ?? 0)) return;
    this.#seen.set(key, seen);
    for (const listen of this.#listeners) listen(key);
  }
}
