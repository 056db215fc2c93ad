import type { Answer, StoredMessage, WatchEvent } from "@holdfast/sdk";

/** Where an answer is shown. */
export interface AnswerScreen {
  text(piece: string): void;
  /** A remark beside the answer, on its own line. */
  remark(line: string): void;
}

/**
 * Shows the answer to one message as it comes and makes sure that in the end exactly the committed
 * answer stands there, once: deltas are soft, may be lost, and begin anew when the turn is run again
 * after a crash. Events that come before the message's id is known are kept until it is.
 */
export class AnswerView {
  readonly #screen: AnswerScreen;
  #early: WatchEvent[] | undefined = [];
  #input: string | undefined;
  #turn: string | undefined;
  /** What stands on the screen, and what the present run of the turn has given. */
  #shown = "";
  #coming = "";
  #finished = false;

  constructor(screen: AnswerScreen) {
    this.#screen = screen;
  }

  /** The id of the message that is answered. */
  accepted(id: string): void {
    this.#input = id;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.event(event);
  }

  event(event: WatchEvent): void {
    if (this.#finished) return;
    if (this.#early) {
      if (this.#early.length < earlyEventsMax) this.#early.push(event);
      return;
    }
    if (event.type === "started" && this.#isOurs(event.inputs)) {
      this.#turn = event.turn;
      this.#coming = "";
    } else if (event.type === "delta" && event.turn === this.#turn) {
      this.#coming += event.text;
      this.#show(this.#coming, false);
    } else if (event.type === "tool" && event.turn === this.#turn) {
      this.#screen.remark(`[${event.name} ${event.state}]`);
    } else if (event.type === "committed" && this.#isOurs(event.inputs)) {
      this.#end(textOf(event.messages));
    } else if (event.type === "failed" && this.#isOurs(event.inputs) && !event.final) {
      this.#screen.remark(`[${event.code}: ${event.message} It is tried again.]`);
    }
  }

  /** The committed answer, as the request for it gave it. */
  answer(answer: Answer): void {
    if (!this.#finished) this.#end(answer.messages ? textOf(answer.messages) : answer.reply);
  }

  #isOurs(inputs: readonly string[]): boolean {
    return this.#input !== undefined && inputs.includes(this.#input);
  }

  #end(text: string): void {
    this.#show(text, true);
    this.#finished = true;
  }

  #show(text: string, whole: boolean): void {
    if (text.startsWith(this.#shown)) {
      this.#screen.text(text.slice(this.#shown.length));
      this.#shown = text;
    } else if (whole || !this.#shown.startsWith(text)) {
      // The turn was run again and took another way: the answer that counts is the new one.
      this.#screen.remark("[the answer begins anew]");
      this.#screen.text(text);
      this.#shown = text;
    }
  }
}

/** Deltas of the few milliseconds between a message's acceptance and its id. */
const earlyEventsMax = 10_000;

function textOf(messages: readonly StoredMessage[]): string {
  return messages.map((message) => (message.role === "assistant" ? message.text : "")).join("");
}
