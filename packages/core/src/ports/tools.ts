import type { ConversationRef } from "../ids.ts";
import type { ToolCall, ToolDescriptor } from "./model.ts";

/** The tools that agents have. */
export interface Tools {
  /** The tools of an agent now. A tool server that is away is left out and reported by `missing`. */
  describe(context: ToolContext): Promise<ToolList>;
  /**
   * Runs one call to its end. Never throws for what the tool or the model did wrong: that is a result
   * with `isError`, whose text the model reads.
   */
  call(call: ToolCall, context: ToolCallContext): Promise<ToolResult>;
}

export interface ToolContext extends ConversationRef {
  /** How many agents messaged each other to come here; 0 for a person's message. */
  readonly depth: number;
}

export interface ToolCallContext extends ToolContext {
  /** The same for every try of the same call: turn id and step. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

export interface ToolList {
  readonly tools: readonly AvailableTool[];
  /** What could not be listed, as sentences for the log and the operator. */
  readonly missing: readonly string[];
}

export interface AvailableTool extends ToolDescriptor {
  /** May be run again after a crash in the middle, with the same idempotency key. */
  readonly idempotent: boolean;
}

export interface ToolResult {
  readonly text: string;
  readonly isError: boolean;
  /** An error code of the catalog when `isError`. */
  readonly code?: string;
}
