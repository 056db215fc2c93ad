import { limits, type ToolResult } from "@holdfast/core";
import { failed } from "./results.ts";
import type { SchemaChecker } from "./schema-check.ts";
import type { BoundTool, ToolArguments } from "./tool-source.ts";

export type ParsedArguments = { readonly args: ToolArguments } | { readonly refusal: ToolResult };

/** Reads what the model wrote as arguments of a tool; no text at all counts as `{}`. */
export function parseArguments(
  text: string,
  tool: BoundTool,
  schemas: SchemaChecker,
): ParsedArguments {
  const name = tool.descriptor.name;
  const refuse = (why: string) => ({
    refusal: failed("tool_arguments_invalid", `The arguments of ${name} are wrong. ${why}`),
  });
  if (
    text.length > limits.toolArgumentBytes ||
    Buffer.byteLength(text) > limits.toolArgumentBytes
  ) {
    return refuse(`They are larger than ${limits.toolArgumentBytes} bytes.`);
  }
  let args: unknown;
  try {
    args = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    return refuse(`They are not valid JSON: ${(error as SyntaxError).message.slice(0, 300)}`);
  }
  if (!isArguments(args)) return refuse("Expected one JSON object.");
  const checked = schemas.check(tool.descriptor.parameters, args);
  if (checked.fits === false) {
    return refuse(`Expected:\n${checked.faults.map((fault) => `- ${fault}`).join("\n")}`);
  }
  if (checked.fits === undefined && tool.onBrokenSchema === "refuse") {
    const why = `The declared JSON schema of ${name} cannot be used: ${checked.reason}`;
    return { refusal: failed("tool_unavailable", why) };
  }
  return { args };
}

function isArguments(value: unknown): value is ToolArguments {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
