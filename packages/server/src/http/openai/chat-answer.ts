import type { FinishReason, HoldfastError, StoredMessage } from "@holdfast/core";
import { sseEvent } from "../sse.ts";
import { type CommittedTurn, openToolCalls, turnText } from "../turns.ts";
import { openAiErrorBody } from "../error-bodies.ts";
import type { AnswerFormat } from "./turn-stream.ts";

export interface ChatAnswerOptions {
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly includeUsage: boolean;
}

/** A turn as a `chat.completion`, whole or in chunks. */
export class ChatAnswer implements AnswerFormat {
  readonly #head: { id: string; created: number; model: string };
  readonly #includeUsage: boolean;

  constructor(messageId: string, { model, created, includeUsage }: ChatAnswerOptions) {
    this.#head = { id: `chatcmpl-${messageId}`, created, model };
    this.#includeUsage = includeUsage;
  }

  whole(turn: CommittedTurn) {
    const toolCalls = toolCallsOf(turn.messages);
    const text = turnText(turn.messages);
    return {
      ...this.#head,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: text === "" && toolCalls.length > 0 ? null : text,
            refusal: null,
            ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
          },
          logprobs: null,
          finish_reason: finishReasons[turn.finish],
        },
      ],
      usage: usageOf(turn),
    };
  }

  begin(): string {
    return this.#chunk({ role: "assistant", content: "", refusal: null });
  }

  text(text: string): string {
    return this.#chunk({ content: text });
  }

  end(turn: CommittedTurn): string {
    const calls = toolCallsOf(turn.messages).map((call, index) =>
      this.#chunk({ tool_calls: [{ index, ...call }] }),
    );
    const last = this.#chunk({}, finishReasons[turn.finish]);
    const usage = this.#includeUsage ? this.#event({ choices: [], usage: usageOf(turn) }) : "";
    return `${calls.join("")}${last}${usage}data: [DONE]\n\n`;
  }

  fail(error: HoldfastError): string {
    return sseEvent(openAiErrorBody(error));
  }

  #chunk(delta: object, finish: string | null = null): string {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
    return this.#event(this.#includeUsage ? { choices, usage: null } : { choices });
  }

  #event(rest: object): string {
    return sseEvent({ ...this.#head, object: "chat.completion.chunk", ...rest });
  }
}

const finishReasons: Record<FinishReason, string> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
};

function toolCallsOf(messages: readonly StoredMessage[]) {
  return openToolCalls(messages).map(({ id, name, arguments: text }) => ({
    id,
    type: "function",
    function: { name, arguments: text },
  }));
}

function usageOf({ usage }: CommittedTurn) {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}
