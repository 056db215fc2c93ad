import { invariant } from "../errors.ts";
import { sequenceOf } from "./records.ts";

/** Which inbox records are done: messages finish in any order, the watermark rises without gaps. */
export class Watermark {
  /** Records from the watermark on, oldest first, with the messages of each that are open. */
  readonly #open = new Map<number, number>();
  #value: number;
  #delivered: number;

  constructor(value: number) {
    this.#value = value;
    this.#delivered = value;
  }

  /** Every record up to this sequence is done. */
  get value(): number {
    return this.#value;
  }

  delivered(sequence: number, messages: number): void {
    invariant(sequence > this.#delivered, "inbox records are delivered in order");
    this.#delivered = sequence;
    this.#open.set(sequence, messages);
    this.#advance();
  }

  done(at: number): void {
    const sequence = sequenceOf(at);
    const left = this.#open.get(sequence);
    invariant(left !== undefined && left > 0, "a message is done once");
    this.#open.set(sequence, left - 1);
    this.#advance();
  }

  #advance(): void {
    for (const [sequence, left] of this.#open) {
      if (left > 0) return;
      this.#open.delete(sequence);
      this.#value = sequence;
    }
  }
}
