import { type HoldfastError, toHoldfastError } from "../../errors.ts";
import type { KeyChange, KeyValue, Watch } from "../../ports/key-value.ts";
import {
  type AccessAddress,
  channelAccessBucket,
  type PairedSender,
  parseAccessKey,
  type PendingPairing,
  unpackPaired,
  unpackPending,
} from "./pairing-records.ts";

interface Entry<T> {
  readonly value: T;
  readonly revision: number;
}

/** All records in memory, kept true by a watch: a message is judged without a read. */
export class PairingIndex {
  readonly #keyValue: KeyValue;
  readonly #report: (error: HoldfastError) => void;
  /** Account, then the record's key. */
  readonly #paired = new Map<string, Map<string, Entry<PairedSender>>>();
  readonly #pending = new Map<string, Entry<readonly PendingPairing[]>>();
  /** Revisions up to which a deleted record is gone, until the watch is past them. */
  readonly #deleted = new Map<string, number>();
  #isLoading = true;
  #watch: Watch | undefined;

  constructor(keyValue: KeyValue, report: (error: HoldfastError) => void) {
    this.#keyValue = keyValue;
    this.#report = report;
  }

  /** Errors: those of the port. */
  async open(): Promise<void> {
    // The watch first: what is written from here on comes through it, everything else through the list.
    this.#watch = await this.#keyValue.watch(channelAccessBucket, "", (change) =>
      this.take(change),
    );
    try {
      for await (const entry of this.#keyValue.list(channelAccessBucket, "")) this.take(entry);
    } catch (thrown) {
      await this.#watch.close();
      throw thrown;
    }
    this.#isLoading = false;
    this.#deleted.clear();
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  paired(account: string, key: string): PairedSender | undefined {
    return this.#paired.get(account)?.get(key)?.value;
  }

  pending(account: string): readonly PendingPairing[] {
    return this.#pending.get(account)?.value ?? [];
  }

  allPaired(account: string): readonly PairedSender[] {
    return [...(this.#paired.get(account)?.values() ?? [])].map(({ value }) => value);
  }

  countPaired(account: string): number {
    return this.#paired.get(account)?.size ?? 0;
  }

  /** Also what this node wrote itself, which the watch brings later. */
  take({ key, value, revision }: KeyChange): void {
    const address = parseAccessKey(key);
    if (!address || revision <= (this.#deleted.get(key) ?? -1)) return;
    if (revision < this.#revisionOf(address, key)) return;
    this.#deleted.delete(key);
    if (value === undefined) {
      // The first records are read beside the watch and may be older than this.
      if (this.#isLoading) this.#deleted.set(key, revision);
      this.#remove(address, key);
    } else this.#put(address, key, value, revision);
  }

  /** This node has deleted what stood there at that revision. */
  drop(key: string, revision: number): void {
    const address = parseAccessKey(key);
    if (!address || this.#revisionOf(address, key) > revision) return;
    this.#deleted.set(key, revision);
    this.#remove(address, key);
  }

  #put(address: AccessAddress, key: string, value: Uint8Array, revision: number): void {
    try {
      if (address.kind === "pending") {
        this.#pending.set(address.account, { value: unpackPending(key, value), revision });
      } else {
        const found = unpackPaired(key, value);
        const people = this.#paired.get(address.account) ?? new Map<string, Entry<PairedSender>>();
        this.#paired.set(address.account, people.set(key, { value: found, revision }));
      }
    } catch (thrown) {
      // What cannot be read lets nobody in.
      this.#remove(address, key);
      this.#report(toHoldfastError(thrown));
    }
  }

  #revisionOf({ kind, account }: AccessAddress, key: string): number {
    const isPending = kind === "pending";
    const known = isPending ? this.#pending.get(account) : this.#paired.get(account)?.get(key);
    return known?.revision ?? 0;
  }

  #remove({ kind, account }: AccessAddress, key: string): void {
    if (kind === "pending") {
      this.#pending.delete(account);
      return;
    }
    const people = this.#paired.get(account);
    people?.delete(key);
    if (people?.size === 0) this.#paired.delete(account);
  }
}
