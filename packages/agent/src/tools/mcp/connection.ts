import { type Clock, HoldfastError, limits, type SecretRef, type ToolSpec } from "@holdfast/core";
import {
  Client,
  SdkError,
  SdkErrorCode,
  type Tool,
  type Transport,
} from "@modelcontextprotocol/client";
import { type Environment, resolveValues } from "../../secrets.ts";
import type { ToolLog } from "../log.ts";
import { type Redact, redactor } from "../redact.ts";
import { HttpTransport } from "./http-transport.ts";
import { stderrLog } from "./stderr-log.ts";
import { StdioTransport } from "./stdio-transport.ts";

export type McpTransportSpec = Extract<ToolSpec, { type: "mcp" }>["transport"];

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly env: Environment;
  readonly log: ToolLog;
  /** Fields that tell the log which server it is. */
  readonly fields: object;
  /** The last connection found a server that only speaks the older protocol. */
  readonly legacy: boolean;
  /** Ends the connecting. */
  readonly signal: AbortSignal;
  readonly onToolsChanged: () => void;
  readonly onClosed: (reason: string) => void;
}

/** One live connection to an MCP server. */
export interface McpConnection {
  readonly client: Client;
  readonly redact: Redact;
  readonly legacy: boolean;
  readonly pid: number | null;
  close(): Promise<void>;
}

/** Connects and agrees on a protocol. Errors: `tool_unavailable`, or what the protocol client throws. */
export async function connect(
  spec: McpTransportSpec,
  options: ConnectionOptions,
): Promise<McpConnection> {
  try {
    return await attempt(spec, options);
  } catch (error) {
    if (spec.type !== "stdio" || options.legacy || !isUnsettled(error)) throw error;
    // Some older servers end at a first message that they do not know: begin with the one they know.
    return await attempt(spec, { ...options, legacy: true });
  }
}

/** The server ended the connection before it said which protocol it speaks. */
function isUnsettled(error: unknown): boolean {
  return error instanceof SdkError && error.code === SdkErrorCode.EraNegotiationFailed;
}

async function attempt(spec: McpTransportSpec, options: ConnectionOptions): Promise<McpConnection> {
  const { transport, redact } = open(spec, options);
  const client = new Client(
    { name: "holdfast", version: "0.1.0" },
    {
      versionNegotiation: { mode: "auto", probe: { timeoutMs: limits.mcpProbeTimeoutMs } },
      inputRequired: { autoFulfill: false },
      listChanged: { tools: { autoRefresh: false, onChanged: () => options.onToolsChanged() } },
    },
  );
  let live = false;
  client.onclose = () => {
    const ending = transport instanceof StdioTransport ? transport.ending : undefined;
    if (live) options.onClosed(ending ?? "closed the connection");
  };
  client.onerror = (error) => {
    const message = redact(error.message).slice(0, limits.mcpStderrLineBytes);
    options.log.info({ ...options.fields, error: message }, "MCP connection reported an error");
  };
  const stop = () => void transport.close();
  options.signal.addEventListener("abort", stop, { once: true });
  try {
    options.signal.throwIfAborted();
    const prior = options.legacy ? { prior: { kind: "legacy" } as const } : {};
    await client.connect(transport, { timeout: limits.mcpConnectTimeoutMs, ...prior });
  } catch (error) {
    const ending = transport instanceof StdioTransport ? transport.ending : undefined;
    await transport.close();
    if (ending !== undefined && (options.legacy || !isUnsettled(error))) {
      throw new HoldfastError("tool_unavailable", `the server ${ending}`, { cause: error });
    }
    const message = error instanceof Error ? error.message : "";
    if (redact(message) === message) throw error;
    throw new HoldfastError("tool_unavailable", redact(message));
  } finally {
    options.signal.removeEventListener("abort", stop);
  }
  if (transport instanceof HttpTransport) transport.watchAnswers();
  live = true;
  return {
    client,
    redact,
    legacy: client.getProtocolEra() === "legacy",
    pid: transport instanceof StdioTransport ? transport.pid : null,
    close: () => {
      live = false;
      return client.close();
    },
  };
}

function open(
  spec: McpTransportSpec,
  options: ConnectionOptions,
): { transport: Transport; redact: Redact } {
  const { clock, env, log, fields } = options;
  const declared = spec.type === "stdio" ? spec.env : spec.headers;
  const values = resolveValues(declared, env, undefined, "tool_unavailable");
  const redact = redactor(secretsOf(declared, values));
  if (spec.type === "http") {
    const url = new URL(spec.url);
    if (url.username !== "" || url.password !== "") {
      const why = "its URL holds credentials; give them as a header from a secret";
      throw new HoldfastError("tool_unavailable", why);
    }
    return { transport: new HttpTransport(url, values), redact };
  }
  const transport = new StdioTransport({
    command: spec.command,
    args: spec.args ?? [],
    env: { ...inherited(env), ...values },
    cwd: spec.cwd,
    clock,
    onStderr: stderrLog(log, fields, redact, clock),
  });
  return { transport, redact };
}

function inherited(env: Environment): Record<string, string> {
  const kept = ["PATH", "HOME", "LANG"].map((name) => [name, env[name]] as const);
  return Object.fromEntries(kept.flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

function secretsOf(
  declared: Readonly<Record<string, string | SecretRef>> | undefined,
  values: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(declared ?? {}).flatMap(([name, value]) =>
    typeof value === "string" ? [] : [values[name] ?? ""],
  );
}

export interface Listing {
  readonly tools: readonly Tool[];
  /** How many tools the server names beyond those that are kept, as far as it was asked. */
  readonly dropped: number;
  /** The server had still more pages. */
  readonly more: boolean;
}

/** Reads the tools page by page, within the limits of a listing. */
export async function listTools(connection: McpConnection, signal: AbortSignal): Promise<Listing> {
  const { client } = connection;
  if (client.getServerCapabilities()?.tools === undefined) {
    return { tools: [], dropped: 0, more: false };
  }
  const tools: Tool[] = [];
  let dropped = 0;
  let cursor: string | undefined;
  for (let page = 0; page < limits.mcpListPages; page++) {
    const params = cursor === undefined ? {} : { cursor };
    const options = { timeout: limits.mcpConnectTimeoutMs, signal };
    const result = await client.request({ method: "tools/list", params }, options);
    const room = limits.mcpListTools - tools.length;
    tools.push(...result.tools.slice(0, room));
    dropped += Math.max(0, result.tools.length - room);
    if (result.nextCursor === undefined || result.nextCursor === cursor) {
      return { tools, dropped, more: false };
    }
    cursor = result.nextCursor;
    if (tools.length >= limits.mcpListTools) break;
  }
  return { tools, dropped, more: true };
}
