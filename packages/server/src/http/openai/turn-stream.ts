import { HoldfastError, type NewMessage } from "@holdfast/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { RouteContext } from "../dependencies.ts";
import { requestError } from "../error-bodies.ts";
import { logError } from "../errors.ts";
import { EventStream } from "../sse.ts";
import { type CommittedTurn, stepSeparator, turnEvents, turnText, waitFor } from "../turns.ts";

/** How a turn is told in one of OpenAI's streams: each gives whole server-sent events. */
export interface AnswerFormat {
  begin(): string;
  text(text: string): string;
  /** The last events, the stream's end marker included. */
  end(turn: CommittedTurn): string;
  fail(error: HoldfastError): string;
}

/**
 * Submits a message and streams its turn. What fails before the first byte is thrown, for an ordinary
 * error answer; what fails later is the stream's last event. When the client goes, the turn goes on.
 */
export async function streamTurn(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  message: NewMessage,
  format: (messageId: string) => AnswerFormat,
): Promise<FastifyReply> {
  using wait = waitFor(context, reply);
  const asked = await context.conversations.ask(message, wait.signal);
  const answer = format(asked.id);
  const stream = new EventStream(request, reply, context);
  const progress = new Progress(answer);
  try {
    for await (const event of turnEvents(asked, wait.signal)) {
      if (stream.closed.aborted) break;
      if (event.type === "started") progress.start();
      else if (event.type === "tool") progress.step();
      else if (event.type === "delta") {
        const told = progress.delta(event.text);
        if (told !== "") await stream.write(told);
      } else if (event.type === "committed") stream.end(progress.end(event));
    }
  } catch (thrown) {
    const error = requestError(thrown);
    if (!stream.started && !stream.closed.aborted) {
      stream.release();
      throw error;
    }
    if (!stream.closed.aborted) logError(request, error);
    stream.end(answer.fail(error));
  }
  stream.end();
  return reply;
}

/**
 * What was told of the answer so far; a commit brings the rest of it. When a turn goes on at another node, its
 * unfinished step goes on where it was, if it was moved in good order; else it is asked anew and told from its
 * beginning, with the same words or with others. What is told cannot be taken back, so as soon as the events do
 * not fit it, all others wait for the commit.
 */
class Progress {
  readonly #answer: AnswerFormat;
  #begun = false;
  #told = "";
  /** Where the text of the step that runs begins. */
  #stepStart = 0;
  #newStep = false;
  /** What was told up to here is repeated; behind it stands what was told already. */
  #at = 0;
  /** The turn goes on elsewhere: its step is told anew, or still by the node that hands it over. */
  #isUnsure = false;
  /** Before its beginning was heard, a delta may be from the middle of a sentence. */
  #waits = true;

  constructor(answer: AnswerFormat) {
    this.#answer = answer;
  }

  /** The turn begins, or goes on with the step that was not finished. */
  start(): void {
    this.#waits = this.#begun && this.#waits;
    this.#at = this.#stepStart;
    this.#isUnsure = this.#at < this.#told.length;
  }

  /** A step that used tools is over: further text stands apart. */
  step(): void {
    // Without any repeat of it, the step was finished before: what was told of it stands.
    const isPartOnly = this.#at > this.#stepStart && this.#at < this.#told.length;
    if (isPartOnly) this.#waits = true;
    this.#newStep = this.#told !== "";
    this.#stepStart = this.#told.length;
    this.#at = this.#told.length;
  }

  /** The events for what is new in a piece of text, if any. */
  delta(text: string): string {
    if (text === "" || this.#waits) return "";
    let repeated = this.#told.slice(this.#at, this.#at + text.length);
    if (!text.startsWith(repeated)) {
      if (!this.#isUnsure) {
        this.#waits = true;
        return "";
      }
      // No repeat: after a planned move the step goes on where it was.
      this.#at = this.#told.length;
      repeated = "";
    }
    this.#isUnsure = false;
    this.#at += repeated.length;
    const rest = text.slice(repeated.length);
    if (rest === "") return "";
    const separator = this.#newStep ? stepSeparator : "";
    this.#newStep = false;
    this.#stepStart += separator.length;
    return this.#begin() + this.#tell(separator + rest);
  }

  /** Errors: `wait_timeout` when something else was told than the answer. */
  end(turn: CommittedTurn): string {
    const text = turnText(turn.messages);
    if (!text.startsWith(this.#told)) {
      throw new HoldfastError(
        "wait_timeout",
        "The answer is ready, but does not begin with what was streamed: pieces of that were lost, or the model was asked anew.",
      );
    }
    // An answer from the history, or one whose last pieces were lost, is told here.
    const rest = text.slice(this.#told.length);
    return this.#begin() + (rest === "" ? "" : this.#tell(rest)) + this.#answer.end(turn);
  }

  #begin(): string {
    if (this.#begun) return "";
    this.#begun = true;
    return this.#answer.begin();
  }

  #tell(text: string): string {
    this.#told += text;
    this.#at = this.#told.length;
    return this.#answer.text(text);
  }
}
