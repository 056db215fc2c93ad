import { decodeJson, encodeJson } from "../cluster/records.ts";
import { HoldfastError, toHoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { KeyValue } from "../ports/key-value.ts";

export const cursorBucket = "channel-cursors";

interface StoredCursor {
  /** Of the owner that wrote it. */
  readonly epoch: number;
  /** Another channel under the same name begins anew. */
  readonly channel: string;
  readonly cursor?: string;
}

/** What an account's receiver keeps for its next owner; an older owner can write nothing any more. */
export class AccountCursor {
  readonly #keyValue: KeyValue;
  readonly #at: string;
  readonly #epoch: number;
  readonly #channel: string;
  #revision = 0;
  #cursor: string | undefined;

  private constructor(keyValue: KeyValue, key: string, epoch: number, channel: string) {
    this.#keyValue = keyValue;
    this.#at = key.replace("/", ".");
    this.#epoch = epoch;
    this.#channel = channel;
  }

  /** Takes it over: from here on older owners cannot write it. Errors: `ownership_lost`, those of the port. */
  static async take(
    keyValue: KeyValue,
    key: string,
    epoch: number,
    channel: string,
  ): Promise<AccountCursor> {
    const cursor = new AccountCursor(keyValue, key, epoch, channel);
    await cursor.#read();
    // An older owner's last save may come in between: that is what is taken over then.
    await cursor.#write(() => cursor.#cursor);
    return cursor;
  }

  get value(): string | undefined {
    return this.#cursor;
  }

  /**
   * Writes it in any case, as that also shows whether the account still has this owner. Errors:
   * `ownership_lost`, `payload_too_large`, those of the port.
   */
  async save(cursor: string): Promise<void> {
    if (cursor.length > limits.accountCursorChars) {
      const problem = `A cursor has ${cursor.length} characters; the limit is ${limits.accountCursorChars}.`;
      throw new HoldfastError("payload_too_large", problem);
    }
    await this.#write(() => cursor);
  }

  async #read(): Promise<void> {
    const entry = await this.#keyValue.get(cursorBucket, this.#at);
    const stored = entry && decodeJson<StoredCursor>(entry.value, this.#at);
    if (stored && stored.epoch > this.#epoch) {
      throw new HoldfastError("ownership_lost", "Another node owns the account now.");
    }
    this.#revision = entry?.revision ?? 0;
    this.#cursor = stored?.channel === this.#channel ? stored.cursor : undefined;
  }

  async #write(wanted: () => string | undefined): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const cursor = wanted();
      const stored: StoredCursor = {
        epoch: this.#epoch,
        channel: this.#channel,
        ...(cursor !== undefined && { cursor }),
      };
      const value = encodeJson(stored);
      try {
        this.#revision = await this.#keyValue.update(cursorBucket, this.#at, value, this.#revision);
        this.#cursor = cursor;
        return;
      } catch (thrown) {
        const { code } = toHoldfastError(thrown);
        const mayBeOurs = code === "revision_conflict" || code === "append_outcome_unknown";
        if (!mayBeOurs || tries >= limits.appendAttempts) throw thrown;
        await this.#read();
      }
    }
  }
}
