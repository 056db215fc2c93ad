import { invariant } from "../errors.ts";
import { sequenceOf } from "./records.ts";

/** Which inbox records are done: messages finish in any order, the watermark rises without gaps. */
export class Watermark {
  /** Only the records with open messages, oldest first, and how many each has. */
  readonly #open = new Map<number, number>();
  #delivered: number;

  constructor(value: number) {
    this.#delivered = value;
  }

  /** Every record up to this sequence is done. */
  get value(): number {
    for (const oldest of this.#open.keys()) return oldest - 1;
    return this.#delivered;
  }

  delivered(sequence: number, messages: number): void {
    invariant(sequence > this.#delivered, "inbox records are delivered in order");
    this.#delivered = sequence;
    if (messages > 0) this.#open.set(sequence, messages);
  }

  done(at: number): void {
    const sequence = sequenceOf(at);
    const left = this.#open.get(sequence);
    invariant(left !== undefined, "a message is done once");
    if (left === 1) this.#open.delete(sequence);
    else this.#open.set(sequence, left - 1);
  }
}
