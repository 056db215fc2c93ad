import { HoldfastError } from "../errors.ts";
import type { DeadLetter, InboundMessage } from "../messages.ts";
import type { KeyValue } from "../ports/key-value.ts";
import { escapeKey } from "./checkpoints.ts";
import { decodeEntry, encodeEntry } from "./records.ts";

export const deadLetterBucket = "dead-letters";

/** Messages that failed for good, until somebody replays or discards them. */
export class DeadLetters {
  readonly #keyValue: KeyValue;

  constructor(keyValue: KeyValue) {
    this.#keyValue = keyValue;
  }

  /** Writing the same letter twice leaves one. */
  async add(letter: DeadLetter): Promise<void> {
    await this.#keyValue.put(deadLetterBucket, letterKey(letter.message), encodeEntry(letter));
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
    const letters = await this.list(organization);
    const letter = letters.find((candidate) => candidate.id === id);
    if (!letter) throw new HoldfastError("message_not_found", `There is no dead letter ${id}.`);
    return letter;
  }

  async remove(letter: DeadLetter): Promise<void> {
    await this.#keyValue.delete(deadLetterBucket, letterKey(letter.message));
  }
}

function letterKey(message: InboundMessage): string {
  return `${message.organization}.${message.agent}.${escapeKey(message.id)}`;
}
