import { type Clock, limits } from "@holdfast/core";
import type { ToolLog } from "../log.ts";
import type { Redact } from "../redact.ts";
import { boundedLines } from "./bounded-lines.ts";

const minuteMs = 60_000;

/** Hands a child's stderr to the log: whole lines, cut, without secrets, and only so many a minute. */
export function stderrLog(
  log: ToolLog,
  fields: object,
  redact: Redact,
  clock: Clock,
): (chunk: Buffer) => void {
  let minuteBegan = clock.monotonic();
  let lines = 0;
  const write = (text: string) => {
    const now = clock.monotonic();
    if (now - minuteBegan >= minuteMs) {
      const unsaid = lines - limits.mcpStderrLinesPerMinute;
      if (unsaid > 0)
        log.info({ ...fields, lines: unsaid }, "MCP server wrote more lines to stderr");
      minuteBegan = now;
      lines = 0;
    }
    lines++;
    if (lines > limits.mcpStderrLinesPerMinute || text.trim() === "") return;
    log.info({ ...fields, stderr: redact(text) }, "MCP server wrote to stderr");
  };
  const bounds = {
    lineBytes: limits.mcpStderrLineBytes,
    headBytes: limits.mcpStderrLineBytes,
    tailBytes: 1,
  };
  return boundedLines(bounds, { line: write, cut: (head) => write(`${head}…`) });
}
