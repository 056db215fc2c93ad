export interface FakeUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface FakeToolCall {
  readonly id?: string;
  readonly name: string;
  /** JSON text, or broken JSON. */
  readonly arguments: string;
}

/** How one provider's API puts an answer on the wire as server-sent events. */
export interface ModelWire {
  begin(model: string): string;
  text(chunk: string): string;
  toolCalls(calls: readonly FakeToolCall[]): string;
  end(reason: FakeFinish, usage: FakeUsage): string;
  errorEvent(type: string, message: string): string;
  errorBody(status: number): string;
}

export type FakeFinish = "stop" | "length" | "tool-calls" | "content-filter";

export const openAiWire = (): ModelWire => {
  let model = "";
  const chunk = (choice: object, extra: object = {}) =>
    `data: ${JSON.stringify({
      id: "chatcmpl-fake",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model,
      choices: [{ index: 0, finish_reason: null, ...choice }],
      ...extra,
    })}\n\n`;
  return {
    begin(name) {
      model = name;
      return chunk({ delta: { role: "assistant", content: "" } });
    },
    text: (content) => chunk({ delta: { content } }),
    toolCalls: (calls) =>
      calls
        .map((call, index) => {
          const half = Math.floor(call.arguments.length / 2);
          const first = { name: call.name, arguments: call.arguments.slice(0, half) };
          const head = { index, id: call.id ?? `call_${index}`, type: "function", function: first };
          const tail = { index, function: { arguments: call.arguments.slice(half) } };
          return (
            chunk({ delta: { tool_calls: [head] } }) + chunk({ delta: { tool_calls: [tail] } })
          );
        })
        .join(""),
    end(reason, usage) {
      const finish_reason = reason.replace("-", "_");
      const counts = {
        prompt_tokens: usage.inputTokens,
        completion_tokens: usage.outputTokens,
        total_tokens: usage.inputTokens + usage.outputTokens,
      };
      return `${chunk({ delta: {}, finish_reason }, { usage: counts })}data: [DONE]\n\n`;
    },
    errorEvent: (type, message) =>
      `data: ${JSON.stringify({ error: { message, type, code: type } })}\n\n`,
    errorBody: (status) =>
      JSON.stringify({ error: { message: `fake error ${status}`, type: "fake", code: "fake" } }),
  };
};

export const anthropicWire = (): ModelWire => {
  let block = -1;
  let inText = false;
  const event = (type: string, data: object = {}) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const closeBlock = () => {
    const open = inText;
    inText = false;
    return open ? event("content_block_stop", { index: block }) : "";
  };
  return {
    begin: (model) =>
      event("message_start", {
        message: {
          id: "msg_fake",
          type: "message",
          role: "assistant",
          model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 0, output_tokens: 0 },
        },
      }) + event("ping"),
    text(chunk) {
      let out = "";
      if (!inText) {
        block++;
        inText = true;
        const content_block = { type: "text", text: "" };
        out = event("content_block_start", { index: block, content_block });
      }
      const delta = { type: "text_delta", text: chunk };
      return out + event("content_block_delta", { index: block, delta });
    },
    toolCalls: (calls) =>
      closeBlock() +
      calls
        .map((call, position) => {
          block++;
          const id = call.id ?? `call_${position}`;
          const content_block = { type: "tool_use", id, name: call.name, input: {} };
          const delta = { type: "input_json_delta", partial_json: call.arguments };
          return (
            event("content_block_start", { index: block, content_block }) +
            event("content_block_delta", { index: block, delta }) +
            event("content_block_stop", { index: block })
          );
        })
        .join(""),
    end(reason, usage) {
      const names = {
        stop: "end_turn",
        length: "max_tokens",
        "tool-calls": "tool_use",
        "content-filter": "refusal",
      };
      const delta = { stop_reason: names[reason], stop_sequence: null };
      const counts = { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens };
      return (
        closeBlock() + event("message_delta", { delta, usage: counts }) + event("message_stop")
      );
    },
    errorEvent: (type, message) => event("error", { error: { type, message } }),
    errorBody: (status) =>
      JSON.stringify({
        type: "error",
        error: { type: "fake_error", message: `fake error ${status}` },
      }),
  };
};
