import type { Clock, HoldfastError } from "@holdfast/core";
import { openAiError } from "../error-bodies.ts";
import { sseEvent } from "../sse.ts";
import { type CommittedTurn, openToolCalls, turnText } from "../turns.ts";
import type { ResponsesRequest } from "./responses-request.ts";
import type { AnswerFormat } from "./turn-stream.ts";

/** A turn as a `response`, whole or as its events, in the order and with the fields of OpenAI's. */
export class ResponseAnswer implements AnswerFormat {
  readonly #id: string;
  readonly #body: ResponsesRequest;
  readonly #clock: Clock;
  readonly #createdAt: number;
  #sequence = 0;
  #text: string | undefined;

  constructor(id: string, body: ResponsesRequest, clock: Clock) {
    this.#id = id;
    this.#body = body;
    this.#clock = clock;
    this.#createdAt = seconds(clock);
  }

  whole(turn: CommittedTurn) {
    const text = turnText(turn.messages);
    const calls = this.#callItems(turn);
    const incomplete = incompleteReasons[turn.finish];
    const status = incomplete === undefined ? "completed" : "incomplete";
    const message = text !== "" || calls.length === 0 ? [this.#messageItem(text, status)] : [];
    return {
      ...this.#response(status),
      completed_at: seconds(this.#clock),
      incomplete_details: incomplete === undefined ? null : { reason: incomplete },
      output: [...message, ...calls],
      usage: usageOf(turn),
    };
  }

  begin(): string {
    const response = this.#response("in_progress");
    return (
      this.#event("response.created", { response }) +
      this.#event("response.in_progress", { response })
    );
  }

  text(text: string): string {
    const open = this.#text === undefined ? this.#openMessage() : "";
    this.#text = (this.#text ?? "") + text;
    const delta = { ...this.#part(), delta: text, logprobs: [] };
    return open + this.#event("response.output_text.delta", delta);
  }

  end(turn: CommittedTurn): string {
    const response = this.whole(turn);
    let events = "";
    if (response.output[0]?.type === "message") {
      if (this.#text === undefined) events += this.#openMessage();
      events += this.#closeMessage(turnText(turn.messages), response.output[0]);
    }
    for (const [output_index, item] of response.output.entries()) {
      if (item.type === "function_call") events += this.#call(item, output_index);
    }
    return events + this.#event(`response.${response.status}`, { response });
  }

  fail(error: HoldfastError): string {
    const { message, param, code } = openAiError(error);
    return this.#event("error", { message, param, code });
  }

  #openMessage(): string {
    const item = { ...this.#messageItem("", "in_progress"), content: [] };
    const part = outputText("");
    return (
      this.#event("response.output_item.added", { output_index: 0, item }) +
      this.#event("response.content_part.added", { ...this.#part(), part })
    );
  }

  #closeMessage(text: string, item: object): string {
    return (
      this.#event("response.output_text.done", { ...this.#part(), text, logprobs: [] }) +
      this.#event("response.content_part.done", { ...this.#part(), part: outputText(text) }) +
      this.#event("response.output_item.done", { output_index: 0, item })
    );
  }

  #call(item: FunctionCallItem, output_index: number): string {
    const at = { item_id: item.id, output_index };
    const added = { ...item, arguments: "", status: "in_progress" };
    const { name } = item;
    return (
      this.#event("response.output_item.added", { output_index, item: added }) +
      this.#event("response.function_call_arguments.delta", { ...at, delta: item.arguments }) +
      this.#event("response.function_call_arguments.done", {
        ...at,
        name,
        arguments: item.arguments,
      }) +
      this.#event("response.output_item.done", { output_index, item })
    );
  }

  #event(type: string, fields: object): string {
    const sequence_number = this.#sequence;
    this.#sequence += 1;
    return sseEvent({ type, sequence_number, ...fields }, type);
  }

  #part() {
    return { item_id: this.#itemId("msg"), output_index: 0, content_index: 0 };
  }

  #itemId(kind: string): string {
    return this.#id.replace(/^resp/, kind);
  }

  #messageItem(text: string, status: string) {
    return {
      type: "message" as const,
      id: this.#itemId("msg"),
      status,
      role: "assistant",
      content: [outputText(text)],
    };
  }

  #callItems(turn: CommittedTurn): FunctionCallItem[] {
    return openToolCalls(turn.messages).map((call, index) => ({
      type: "function_call" as const,
      id: `${this.#itemId("fc")}_${index}`,
      call_id: call.id,
      name: call.name,
      arguments: call.arguments,
      status: "completed",
    }));
  }

  #response(status: string) {
    const body = this.#body;
    return {
      id: this.#id,
      object: "response",
      created_at: this.#createdAt,
      status,
      background: false,
      error: null,
      incomplete_details: null as { reason: string } | null,
      instructions: body.instructions ?? null,
      max_output_tokens: body.max_output_tokens ?? null,
      metadata: body.metadata ?? {},
      model: body.model,
      output: [] as object[],
      parallel_tool_calls: true,
      previous_response_id: body.previous_response_id ?? null,
      store: body.store !== false,
      temperature: body.temperature ?? null,
      text: { format: body.text?.format ?? { type: "text" } },
      tool_choice: body.tool_choice ?? "auto",
      tools: (body.tools ?? []).map((tool) => ({
        strict: false,
        description: null,
        parameters: {},
        ...tool,
      })),
      top_p: body.top_p ?? null,
      truncation: "disabled",
      usage: null as ReturnType<typeof usageOf> | null,
      user: body.user ?? null,
    };
  }
}

interface FunctionCallItem {
  readonly type: "function_call";
  readonly id: string;
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
  readonly status: string;
}

const incompleteReasons: Partial<Record<CommittedTurn["finish"], string>> = {
  length: "max_output_tokens",
  "content-filter": "content_filter",
};

function outputText(text: string) {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function usageOf({ usage }: CommittedTurn) {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function seconds(clock: Clock): number {
  return Math.floor(clock.now() / 1_000);
}
