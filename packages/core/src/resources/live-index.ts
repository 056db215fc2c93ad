import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyChange, KeyValue, Watch } from "../ports/key-value.ts";
import type { ResourceKind } from "../resources.ts";
import { eachBounded } from "./each-bounded.ts";
import { ResourceIndex } from "./resource-index.ts";
import {
  keyOf,
  parseKey,
  type ResourceAddress,
  resourceBucket,
  storedFault,
  toBytes,
  toText,
} from "./stored-resource.ts";

/** Written by every node that starts and may write: once it is seen, so is all that was written before. */
const startKey = "started";

/** The index of all resources, kept true by a watch. */
export class LiveIndex {
  readonly index = new ResourceIndex();
  readonly #keyValue: KeyValue;
  readonly #clock: Clock;
  readonly #mayWrite: boolean;
  readonly #waiting = new Set<() => void>();
  readonly #listeners = new Map<ResourceKind, Set<(address: ResourceAddress) => void>>();
  #watch: Watch | undefined;
  #loadFaults: HoldfastError[] | undefined = [];
  #seenRevision = 0;

  constructor(keyValue: KeyValue, clock: Clock, mayWrite = true) {
    this.#keyValue = keyValue;
    this.#clock = clock;
    this.#mayWrite = mayWrite;
  }

  /** Errors: those of the port, `home_too_new`, `data_corrupt` (each with all keys it is about). */
  async open(): Promise<void> {
    this.#watch = await this.#keyValue.watch(resourceBucket, "", (change) => this.#take(change));
    try {
      const newest = await this.#newestRevision();
      const load = limits.resourceLoadTimeoutMs;
      await this.until(() => this.#seenRevision >= newest, load, "the declared resources");
      throwLoadFaults(this.#loadFaults ?? []);
    } catch (thrown) {
      await this.#watch.close();
      throw thrown;
    }
    this.#loadFaults = undefined;
    this.index.settle();
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  /** Resolves once a condition on what was seen holds. Errors: `engine_unavailable` after the timeout. */
  until(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        this.#waiting.delete(look);
        cancel();
        settle();
      };
      const look = () => {
        if (condition()) finish(resolve);
      };
      const cancel = this.#clock.schedule(timeoutMs, () => {
        const message = `The engine did not show ${what} within ${timeoutMs} ms.`;
        finish(() => reject(new HoldfastError("engine_unavailable", message)));
      });
      this.#waiting.add(look);
      look();
    });
  }

  /** Calls `listen`, which must not throw, after each change of that kind; the result ends it. */
  onChange(kind: ResourceKind, listen: (address: ResourceAddress) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listen));
    return () => void listeners.delete(listen);
  }

  /** Resolves after what else is ready to run. */
  breathe(): Promise<void> {
    return new Promise((resolve) => this.#clock.soon(resolve));
  }

  /** Takes what the engine holds at these addresses now. Only what is newer than the index changes it. */
  async refresh(addresses: Iterable<ResourceAddress>): Promise<void> {
    await eachBounded([...addresses], async (address) => {
      const found = await this.#keyValue.get(resourceBucket, keyOf(address));
      // A deletion is left to the watch, which alone knows what came before and after it.
      if (found) this.index.put(address, toText(found.value), found.revision);
    });
  }

  /**
   * A kind that only a newer version knows is left alone while that version runs beside this one. A value
   * that cannot be read is kept as it is: who reads it gets the error.
   */
  #take({ key, value, revision }: KeyChange): void {
    this.#seenRevision = revision;
    if (key !== startKey) {
      const address = parseKey(key);
      const text = value && toText(value);
      if (address && text === undefined) this.index.remove(address, revision);
      if (address && text !== undefined) this.index.put(address, text, revision);
      this.#noteLoadFault(key, text);
      if (address) for (const listen of this.#listeners.get(address.kind) ?? []) listen(address);
    }
    for (const look of this.#waiting) look();
  }

  #noteLoadFault(key: string, text: string | undefined): void {
    if (!this.#loadFaults || text === undefined) return;
    const fault = storedFault(key, text);
    if (fault && this.#loadFaults.length < limits.resourceFaultsNamed) this.#loadFaults.push(fault);
  }

  /** A revision behind which everything lies that was written before this call. */
  async #newestRevision(): Promise<number> {
    if (!this.#mayWrite) return this.#newestListed();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#keyValue.put(resourceBucket, startKey, toBytes('{"v":1}'));
      } catch (thrown) {
        const code = thrown instanceof HoldfastError ? thrown.code : undefined;
        if (code === "storage_full") return this.#newestListed();
        if (code !== "append_outcome_unknown" || tries >= limits.appendAttempts) throw thrown;
      }
    }
  }

  /** Slower, but a node also starts when nothing can be written, or it may not. */
  async #newestListed(): Promise<number> {
    let newest = 0;
    for await (const { revision } of this.#keyValue.list(resourceBucket, "")) newest = revision;
    return newest;
  }
}

function throwLoadFaults(faults: readonly HoldfastError[]): void {
  const first = faults.find(({ code }) => code === "home_too_new") ?? faults[0];
  if (!first) return;
  const details = faults.map(({ message }) => ({ path: resourceBucket, message }));
  throw new HoldfastError(first.code, first.message, { details });
}
