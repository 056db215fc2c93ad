import type { AvailableTool, ToolCallContext, ToolResult } from "@holdfast/core";

/** Where some of an agent's tools come from. Its parts are made once per declared agent. */
export interface ToolSource {
  /** False when no tool of the source can have the name, whether it is there or not. */
  mayHave(name: string): boolean;
  /** Never rejects and never waits longer than `limits.toolListWaitMs`. */
  list(): SourceList | Promise<SourceList>;
}

export interface SourceList {
  readonly tools: readonly BoundTool[];
  readonly missing: readonly string[];
}

/** A tool with the means to run it. */
export interface BoundTool {
  readonly descriptor: AvailableTool;
  /** What to do when the schema itself is broken: a remote server checks for itself. */
  readonly onBrokenSchema: "refuse" | "pass";
  /** `args` fit the schema. Rejects only with errors of the node and the reason of the signal. */
  run(args: ToolArguments, context: ToolCallContext): Promise<ToolResult>;
}

export type ToolArguments = Readonly<Record<string, unknown>>;
