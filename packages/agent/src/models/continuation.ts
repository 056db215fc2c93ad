import type { ModelMessage } from "@holdfast/core";

/** A tail shorter than this that seems repeated may be chance ("l" behind "Hel"), and is kept. */
const overlapMinChars = 12;
/** How far back a repeated tail is looked for. */
const overlapWindowChars = 4_096;

const instruction =
  "Your answer above was cut off by a broken connection. Go on exactly where it stopped, " +
  "in the middle of the word or line if need be. Do not repeat any of it, do not apologize, " +
  "and do not mention the interruption.";

/** The request's messages, and what makes the model go on behind the text that was already sent out. */
export function continuationMessages(
  messages: readonly ModelMessage[],
  sent: string,
): readonly ModelMessage[] {
  if (sent === "") return messages;
  return [...messages, { role: "assistant", text: sent }, { role: "user", text: instruction }];
}

/**
 * Joins a continuation to the text that was already sent: whatever it repeats of that text, all of it
 * from the beginning or a tail of it, is dropped. Text is held back while it may still turn out to be
 * such a repetition, at most as much as was sent.
 */
export class ContinuationFilter {
  readonly #sent: string;
  /** Positions in the sent text from which all that was held so far matches, ascending. */
  #open: number[];
  /** Length of the longest repeated tail that is certain. */
  #overlap: number | undefined;
  #held = "";
  #joined: boolean;

  constructor(sent: string) {
    this.#sent = sent;
    this.#joined = sent === "";
    const windowStart = Math.max(1, sent.length - overlapWindowChars);
    const tails = Math.max(0, sent.length - windowStart - overlapMinChars + 1);
    this.#open = [0, ...Array.from({ length: tails }, (_, index) => windowStart + index)];
  }

  /** The part of the chunk, and of what was held, that is new. */
  push(chunk: string): string {
    if (this.#joined) return chunk;
    for (let index = 0; index < chunk.length && this.#open.length > 0; index++) {
      this.#advance(chunk.charCodeAt(index), this.#held.length + index);
    }
    this.#held += chunk;
    return this.#open.length === 0 ? this.#join(this.#overlap ?? 0) : "";
  }

  /** At the end of the answer: what was held and is no repetition. */
  flush(): string {
    if (this.#joined) return "";
    if (this.#overlap !== undefined) return this.#join(this.#overlap);
    // The model began to repeat the answer and stopped: nothing of it is new.
    const isRepeatedBeginning = this.#open[0] === 0 && this.#held.length >= overlapMinChars;
    return this.#join(isRepeatedBeginning ? this.#held.length : 0);
  }

  #advance(unit: number, offset: number): void {
    this.#open = this.#open.filter((start) => this.#sent.charCodeAt(start + offset) === unit);
    const finished = this.#sent.length - offset - 1;
    const at = this.#open.indexOf(finished);
    if (at < 0) return;
    // A repetition from further back is the better explanation; shorter ones are out of the race.
    this.#overlap = offset + 1;
    this.#open = this.#open.slice(0, at);
  }

  #join(drop: number): string {
    this.#joined = true;
    this.#open = [];
    return this.#held.slice(drop);
  }
}
