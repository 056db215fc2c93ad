import type { ModelEvent, ModelRequest } from "@holdfast/core";
import { estimateTokens } from "./tokens.ts";

export const echoModel = "echo";

/**
 * Answers `echo: <last user text>` in one chunk. Made for measuring the path around a model: no timer,
 * no generator, no copy of the text beyond the answer.
 */
export function streamEcho(
  request: ModelRequest,
  title: string,
  signal: AbortSignal,
): AsyncIterable<ModelEvent> {
  return { [Symbol.asyncIterator]: () => new EchoIterator(request, title, signal) };
}

class EchoIterator implements AsyncIterator<ModelEvent> {
  readonly #request: ModelRequest;
  readonly #title: string;
  readonly #signal: AbortSignal;
  #step = 0;

  constructor(request: ModelRequest, title: string, signal: AbortSignal) {
    this.#request = request;
    this.#title = title;
    this.#signal = signal;
  }

  async next(): Promise<IteratorResult<ModelEvent>> {
    this.#signal.throwIfAborted();
    const step = this.#step++;
    if (step > 1) return { done: true, value: undefined };
    const text = lastUserText(this.#request);
    if (step === 0) return { done: false, value: { type: "text", text: `echo: ${text}` } };
    const tokens = estimateTokens(text);
    const usage = { inputTokens: tokens, outputTokens: tokens + 2 };
    return {
      done: false,
      value: { type: "finish", reason: "stop", usage, model: this.#title },
    };
  }

  async return(): Promise<IteratorResult<ModelEvent>> {
    this.#step = 2;
    return { done: true, value: undefined };
  }
}

function lastUserText({ messages }: ModelRequest): string {
  for (let index = messages.length - 1; index >= 0; index--) {
    const message = messages[index];
    if (message?.role === "user") return message.text;
  }
  return "";
}
