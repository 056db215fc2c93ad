import {
  type Agent,
  agentKey,
  type Clock,
  type Conversations,
  type KeyValue,
  type ResourceStore,
  type ToolCall,
  type ToolCallContext,
  type ToolContext,
  type ToolList,
  type ToolResult,
  type Tools,
} from "@holdfast/core";
import type { Environment } from "../secrets.ts";
import { parseArguments } from "./arguments.ts";
import type { ToolLog } from "./log.ts";
import { McpPool } from "./mcp/pool.ts";
import type { McpServerStatus } from "./mcp/server.ts";
import { createMemoryTools } from "./memory-tools.ts";
import { failed } from "./results.ts";
import { createSchemaChecker } from "./schema-check.ts";
import { createToolset, emptyToolset, type Toolset } from "./toolset.ts";

export interface ToolsOptions {
  readonly resources: ResourceStore;
  /** Holds the bucket `memory`. */
  readonly keyValue: KeyValue;
  /** Asked at the moment of use: conversations need the tools to be made first. */
  readonly conversations: () => Conversations;
  readonly clock: Clock;
  /** Where secrets are looked up, and PATH, HOME and LANG of the MCP servers. */
  readonly env: Environment;
  readonly log: ToolLog;
}

export interface ToolsStatus {
  readonly mcpServers: readonly McpServerStatus[];
}

/** The tools with what the node needs to run them. */
export interface RunningTools extends Tools {
  /** Ends every MCP server; calls from then on fail as `tool_unavailable`. */
  close(): Promise<void>;
  status(): ToolsStatus;
}

/**
 * The tools that agents declare: memory, messages to other agents, HTTP calls and MCP servers.
 *
 * `describe` never rejects. `call` rejects only with what is no fault of tool or model: errors of the
 * engine and the node (the turn is tried again) and the reason of the signal when it aborts.
 */
export function createTools(options: ToolsOptions): RunningTools {
  const pool = new McpPool(options);
  const schemas = createSchemaChecker();
  const shared = { ...options, pool, memory: createMemoryTools(options.keyValue) };
  const toolsets = new WeakMap<Agent, Toolset>();
  const toolsetOf = (context: ToolContext): Toolset => {
    const agent = options.resources.agent(context);
    if (agent === undefined) return emptyToolset;
    let toolset = toolsets.get(agent);
    if (toolset === undefined) {
      toolset = createToolset(agent, shared);
      toolsets.set(agent, toolset);
    }
    return toolset;
  };
  return {
    async describe(context) {
      return toolsetOf(context).current();
    },
    async call(call, context) {
      context.signal.throwIfAborted();
      const toolset = toolsetOf(context);
      const tool = await toolset.find(call.name);
      if (tool === undefined) return notFound(call, context, await toolset.current());
      const parsed = parseArguments(call.arguments, tool, schemas);
      if ("refusal" in parsed) return parsed.refusal;
      return tool.run(parsed.args, context);
    },
    close: () => pool.close(),
    status: () => ({ mcpServers: pool.status() }),
  };
}

function notFound(call: ToolCall, context: ToolCallContext, list: ToolList): ToolResult {
  const { tools, missing } = list;
  const wanted = JSON.stringify(call.name.slice(0, 100));
  // A tool of a server that is away existed a moment ago: the model should not give it up for good.
  const server = /^([a-z0-9-]{1,24})__/.exec(call.name)?.[1];
  const away = missing.find((sentence) => sentence.startsWith(`The tools of ${server}:`));
  if (server !== undefined && away !== undefined) {
    return failed("tool_unavailable", `${wanted} is not available now. ${away}`);
  }
  const names = tools.map((tool) => tool.name).join(", ");
  const has = names === "" ? "has no tools" : `has these tools: ${names}`;
  return failed("tool_not_found", `There is no tool ${wanted}. ${agentKey(context)} ${has}.`);
}
