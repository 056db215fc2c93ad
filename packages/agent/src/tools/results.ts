import { type ErrorCode, HoldfastError, limits, type ToolResult } from "@holdfast/core";

/** A successful result; over `limits.toolResultBytes` it is cut and becomes `tool_result_too_large`. */
export function succeeded(text: string): ToolResult {
  return bounded({ text, isError: false });
}

/** A result that tells the model what went wrong. */
export function failed(code: ErrorCode, text: string): ToolResult {
  return bounded({ text, isError: true, code });
}

/** The beginning of a result that was too large, marked as cut. */
export function tooLarge(beginning: string): ToolResult {
  const note = `\n[cut here: the result is larger than ${limits.toolResultBytes} bytes]`;
  const room = limits.toolResultBytes - note.length;
  return {
    text: cutText(beginning, room) + note,
    isError: true,
    code: "tool_result_too_large",
  };
}

/** The longest beginning of `text` that takes at most `bytes` as UTF-8 and splits no character. */
export function cutText(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text;
  const encoded = Buffer.from(text.length > bytes ? text.slice(0, bytes) : text);
  if (encoded.length <= bytes) return text.length > bytes ? text.slice(0, bytes) : text;
  let end = bytes;
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--;
  return encoded.toString("utf8", 0, end);
}

/**
 * Errors of the node itself, not of the tool or the model: they are thrown, so that the turn is tried
 * again instead of a model reading about them.
 */
export function isNodeError(error: unknown): boolean {
  return error instanceof HoldfastError && nodeCodes.has(error.code);
}

const nodeCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "engine_unavailable",
  "append_outcome_unknown",
  "storage_full",
  "not_ready",
  "ownership_lost",
  "internal",
]);

function bounded(result: ToolResult): ToolResult {
  if (Buffer.byteLength(result.text) <= limits.toolResultBytes) return result;
  return tooLarge(result.text);
}
