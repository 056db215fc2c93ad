import type { HoldfastError, NewMessage } from "@holdfast/core";
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
      if (event.type === "delta" && event.text !== "") {
        await stream.write(progress.delta(event.text));
      }
      if (event.type === "tool") progress.step();
      else if (event.type === "committed") stream.end(progress.end(event));
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

/** What was told of the answer so far; a commit may bring the rest of it. */
class Progress {
  readonly #answer: AnswerFormat;
  #begun = false;
  #told = "";
  #newStep = false;

  constructor(answer: AnswerFormat) {
    this.#answer = answer;
  }

  /** A step that used tools is over: further text stands apart. */
  step(): void {
    this.#newStep = this.#told !== "";
  }

  delta(text: string): string {
    const whole = this.#newStep ? stepSeparator + text : text;
    this.#newStep = false;
    return this.#begin() + this.#tell(whole);
  }

  end(turn: CommittedTurn): string {
    const text = turnText(turn.messages);
    // An answer from the history, or one whose last pieces were lost, is told here.
    const rest = text.startsWith(this.#told) ? text.slice(this.#told.length) : "";
    return this.#begin() + (rest === "" ? "" : this.#tell(rest)) + this.#answer.end(turn);
  }

  #begin(): string {
    if (this.#begun) return "";
    this.#begun = true;
    return this.#answer.begin();
  }

  #tell(text: string): string {
    this.#told += text;
    return this.#answer.text(text);
  }
}
