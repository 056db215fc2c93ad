import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { DeadLetter, InboundMessage } from "../messages.ts";
import type { KeyValue } from "../ports/key-value.ts";
import { escapeKey } from "./checkpoints.ts";
import { decodeEntry, encodeEntry } from "./records.ts";

export const deadLetterBucket = "dead-letters";

/** Messages that failed for good, until somebody replays or discards them. */
export class DeadLetters {
  readonly #keyValue: KeyValue;
  readonly #limit: number;
  /** Per organization, as this node knows it. */
  readonly #counts = new Map<string, { letters: number; readonly countedAt: number }>();

  constructor(keyValue: KeyValue, limit: number = limits.deadLettersPerOrganization) {
    this.#keyValue = keyValue;
    this.#limit = limit;
  }

  /** Resolves when there is room for `more` letters at the time `now`. Errors: `dead_letters_full`. */
  async ensureRoom(organization: string, more: number, now: number): Promise<void> {
    let count = this.#counts.get(organization);
    const isFull = count !== undefined && count.letters + more > this.#limit;
    if (!count || (isFull && now - count.countedAt >= limits.deadLetterRecountMs)) {
      let letters = 0;
      for await (const _ of this.#keyValue.list(deadLetterBucket, organization)) letters += 1;
      count = { letters, countedAt: now };
      this.#counts.set(organization, count);
    }
    if (count.letters === 0 || count.letters + more <= this.#limit) return;
    throw new HoldfastError(
      "dead_letters_full",
      `The organization ${organization} has ${count.letters} dead letters; the limit is ${this.#limit}.`,
      { retryAfterMs: limits.turnRetryMaxMs },
    );
  }

  /** Writing the same letter twice leaves one. */
  async add(letter: DeadLetter): Promise<void> {
    await this.#keyValue.put(deadLetterBucket, letterKey(letter.message), encodeEntry(letter));
    const count = this.#counts.get(letter.message.organization);
    if (count) count.letters += 1;
  }

  async list(organization: string | undefined): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for await (const { value } of this.#keyValue.list(deadLetterBucket, organization ?? "")) {
      letters.push(decodeEntry<DeadLetter>(value));
    }
    return letters;
  }

  /** Errors: `message_not_found`. */
  async get(organization: string | undefined, id: string): Promise<DeadLetter> {
    const end = `.${escapeKey(id)}`;
    for await (const { key, value } of this.#keyValue.list(deadLetterBucket, organization ?? "")) {
      if (key.endsWith(end)) return decodeEntry<DeadLetter>(value);
    }
    throw new HoldfastError("message_not_found", `There is no dead letter ${id}.`);
  }

  async remove(letter: DeadLetter): Promise<void> {
    await this.#keyValue.delete(deadLetterBucket, letterKey(letter.message));
    const count = this.#counts.get(letter.message.organization);
    if (count) count.letters = Math.max(0, count.letters - 1);
  }
}

function letterKey(message: InboundMessage): string {
  return `${message.organization}.${message.agent}.${escapeKey(message.id)}`;
}
