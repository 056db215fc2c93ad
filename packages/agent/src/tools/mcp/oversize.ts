import { limits } from "@holdfast/core";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/client";

/** JSON-RPC error code, of the range left to implementations, that stands for a message cut on arrival. */
export const oversizeErrorCode = -32_077;

/** What is kept of a message that is too large: enough for a result, and the end, where its id may be. */
export const keptHeadBytes = limits.toolResultBytes + 16 * 1024;
export const keptTailBytes = 1024;

/** An answer in place of one that was too large; the beginning of its text is the error's data. */
export function cutAnswer(id: RequestId, head: string): JSONRPCMessage {
  const error = {
    code: oversizeErrorCode,
    message: `The answer is larger than ${limits.mcpMessageBytes} bytes.`,
    data: { beginning: beginningOf(head) },
  };
  return { jsonrpc: "2.0", id, error };
}

/** The id of the response that begins with `head` and ends with `tail`. */
export function idOfCut(head: string, tail: string): RequestId | undefined {
  const id = firstId.exec(head)?.[1] ?? lastId.exec(tail)?.[1];
  return id === undefined ? undefined : (JSON.parse(id) as RequestId);
}

const firstId = /^\s*\{(?:\s*"jsonrpc"\s*:\s*"2\.0"\s*,)?\s*"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")/;
const lastId = /"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;

/** The first text content, as far as it goes; the raw JSON where there is none. */
function beginningOf(head: string): string {
  const start = /"text"\s*:\s*"/.exec(head);
  if (start === null) return head;
  const body = head.slice(start.index + start[0].length);
  const end = /(?<!\\)(?:\\\\)*"/.exec(body);
  const text = (end === null ? body : body.slice(0, end.index + end[0].length - 1)).replace(
    /\\(?:u[0-9a-fA-F]{0,3})?$/,
    "",
  );
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    // Not the JSON it seemed to be; the model can read the raw beginning as well.
    return head;
  }
}
