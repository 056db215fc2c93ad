import { limits, type ToolCallContext, type ToolResult } from "@holdfast/core";
import {
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
  type Tool,
} from "@modelcontextprotocol/client";
import { failed, succeeded, tooLarge } from "../results.ts";
import type { ToolArguments } from "../tool-source.ts";
import { textOfContent } from "./content.ts";
import { lostAnswerErrorCode } from "./http-transport.ts";
import { oversizeErrorCode } from "./oversize.ts";
import type { McpServer, ReadyServer } from "./server.ts";

export interface McpCall {
  readonly server: McpServer;
  /** The server's name in the agent's tools. */
  readonly serverName: string;
  readonly tool: Tool;
  readonly idempotent: boolean;
  readonly timeoutMs: number;
}

/** Metadata of a call that stays the same when it is tried again. */
const idempotencyMeta = "holdfast/idempotency-key";

/** Calls a tool of an MCP server, which is started if it has to be. */
export async function callMcpTool(
  call: McpCall,
  args: ToolArguments,
  context: ToolCallContext,
): Promise<ToolResult> {
  const waitMs = Math.min(call.timeoutMs, limits.mcpConnectTimeoutMs);
  const ready = call.server.current() ?? (await call.server.whenReady(waitMs, context.signal));
  context.signal.throwIfAborted();
  if ("reason" in ready) {
    return failed("tool_unavailable", `The server ${call.serverName} ${ready.reason}.`);
  }
  try {
    const result = await call.server.use(() => request(ready, call, args, context));
    const text = ready.connection.redact(textOfContent(result));
    return result.isError === true ? failed("tool_failed", text) : succeeded(text);
  } catch (error) {
    context.signal.throwIfAborted();
    return failureOf(error, call, ready);
  }
}

function request(ready: ReadyServer, call: McpCall, args: ToolArguments, context: ToolCallContext) {
  // Without its output schema: what the server returns is for a model to read, not for a program.
  const { outputSchema: _, ...toolDefinition } = call.tool;
  return ready.connection.client.callTool(
    {
      name: call.tool.name,
      arguments: { ...args },
      _meta: { [idempotencyMeta]: context.idempotencyKey },
    },
    {
      signal: context.signal,
      timeout: call.timeoutMs,
      toolDefinition,
    },
  );
}

function failureOf(error: unknown, call: McpCall, ready: ReadyServer): ToolResult {
  const { redact } = ready.connection;
  const name = `The tool ${call.tool.name} of ${call.serverName}`;
  const lost = error instanceof ProtocolError && error.code === lostAnswerErrorCode;
  if (error instanceof ProtocolError && !lost) {
    if (error.code === oversizeErrorCode) return tooLarge(redact(beginningOf(error.data)));
    return failed("tool_failed", `${name} failed: ${redact(error.message)}`);
  }
  const code = error instanceof SdkError ? error.code : undefined;
  if (code === SdkErrorCode.RequestTimeout) {
    const why = `${name} did not answer within ${call.timeoutMs} ms; the call was cancelled`;
    return failed("tool_timeout", `${why}, but part of it may have taken effect.`);
  }
  if (code === SdkErrorCode.UnsupportedResultType) {
    return failed("tool_failed", `${name} asks for a person's input, which nobody can give here.`);
  }
  if (code === SdkErrorCode.InvalidResult) {
    return failed("tool_failed", `${name} answered something that is no MCP result.`);
  }
  if (error instanceof SdkHttpError && error.status < 500 && error.status !== 404) {
    return failed("tool_unavailable", `${call.serverName} answered HTTP ${error.status}.`);
  }
  // Over HTTP nothing but the failed request says that the connection is gone.
  if (!lost) call.server.drop(ready.connection, "broke the connection");
  if (call.idempotent || code === SdkErrorCode.NotConnected || isRefused(error)) {
    return failed("tool_unavailable", `${call.serverName} broke the connection.`);
  }
  const why = `${call.serverName} broke the connection in the middle of ${call.tool.name}`;
  return failed("tool_outcome_unknown", `${why}; whether it took effect is unknown.`);
}

function beginningOf(data: unknown): string {
  if (typeof data !== "object" || data === null || !("beginning" in data)) return "";
  return String(data.beginning);
}

/** The request never got out. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
