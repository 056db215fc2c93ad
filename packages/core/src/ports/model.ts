/** One call of a language model, as a stream of events. */
export interface Model {
  /**
   * Yields text and tool calls as they come, then exactly one `finish`. Aborting the signal ends the
   * call at once. Errors: `model_unavailable`, `model_rate_limited`, `model_timeout` (worth another
   * try), `model_rejected`,
   * `model_not_found`, `provider_not_found` (not worth one).
   */
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
}

export interface ModelRequest {
  readonly organization: string;
  /** `provider/model`, or `default`. */
  readonly model: string;
  readonly fallbacks: readonly string[];
  readonly instructions: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ToolDescriptor[];
  readonly settings: ModelSettings;
}

export interface ModelSettings {
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxOutputTokens?: number;
  readonly stop?: readonly string[];
  readonly toolChoice?: "auto" | "none" | "required" | { readonly tool: string };
  /** A JSON schema that the answer must fit, or `json` for any JSON object. */
  readonly responseFormat?: "json" | { readonly name: string; readonly schema: object };
}

export type ModelMessage =
  | { readonly role: "user"; readonly text: string }
  | { readonly role: "assistant"; readonly text: string; readonly toolCalls?: readonly ToolCall[] }
  | {
      readonly role: "tool";
      readonly toolCallId: string;
      readonly toolName: string;
      readonly text: string;
      readonly isError?: boolean;
    };

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text as the model wrote it; may be malformed. */
  readonly arguments: string;
}

export interface ToolDescriptor {
  readonly name: string;
  readonly description: string;
  /** JSON schema of the arguments object. */
  readonly parameters: object;
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export type ModelEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool-call"; readonly call: ToolCall }
  | {
      readonly type: "finish";
      readonly reason: "stop" | "length" | "tool-calls" | "content-filter";
      readonly usage: Usage;
      /** The `provider/model` that answered. */
      readonly model: string;
    };
