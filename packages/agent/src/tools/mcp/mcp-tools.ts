import { limits, type ToolSpec } from "@holdfast/core";
import type { Tool } from "@modelcontextprotocol/client";
import type { BoundTool, SourceList, ToolSource } from "../tool-source.ts";
import { callMcpTool } from "./call.ts";
import type { Listing } from "./connection.ts";
import type { McpPool } from "./pool.ts";
import type { McpServer } from "./server.ts";
import { exposedName, namePrefix } from "./tool-names.ts";

export type McpToolSpec = Extract<ToolSpec, { type: "mcp" }>;

/** The tools of one MCP server as one agent sees them. */
export function createMcpSource(
  organization: string,
  spec: McpToolSpec,
  pool: McpPool,
): ToolSource {
  let last: { readonly listing: Listing; readonly list: SourceList } | undefined;
  const listOf = (server: McpServer, listing: Listing) => {
    if (last?.listing !== listing) last = { listing, list: bind(server, spec, listing) };
    return last.list;
  };
  const wait = async (server: McpServer): Promise<SourceList> => {
    const ready = await server.whenReady(limits.toolListWaitMs);
    if ("connection" in ready) return listOf(server, ready.listing);
    return { tools: [], missing: [`The tools of ${spec.name}: the server ${ready.reason}.`] };
  };
  let bound: McpServer | undefined;
  return {
    mayHave: (name) => name.startsWith(namePrefix(spec.name)),
    list() {
      const server = pool.server(organization, spec.transport);
      if (server === undefined) {
        const why = `this node has ${limits.mcpConnections} MCP servers in use, or is stopping`;
        return { tools: [], missing: [`The tools of ${spec.name}: ${why}.`] };
      }
      if (server !== bound) last = undefined;
      bound = server;
      const ready = server.current();
      return ready === undefined ? wait(server) : listOf(server, ready.listing);
    },
  };
}

function bind(server: McpServer, spec: McpToolSpec, listing: Listing): SourceList {
  const missing: string[] = [];
  const tools: BoundTool[] = [];
  for (const tool of listing.tools) {
    if (spec.allow !== undefined && !spec.allow.includes(tool.name)) continue;
    if (tools.length === limits.toolsPerAgent) break;
    if (sizeOf(tool) > limits.toolDescriptorBytes) {
      const name = tool.name.slice(0, 100);
      missing.push(`Tool ${name} of ${spec.name}: its description is too large.`);
    } else tools.push(bindTool(server, spec, tool));
  }
  const wanted = spec.allow?.length ?? listing.tools.length + listing.dropped;
  const left = wanted - tools.length - missing.length;
  if (spec.allow !== undefined) {
    const present = new Set(listing.tools.map((tool) => tool.name));
    const absent = spec.allow.filter((name) => !present.has(name));
    if (absent.length > 0) {
      missing.push(`Tools of ${spec.name} that the server does not list: ${absent.join(", ")}.`);
    }
  } else if (left > 0 || listing.more) {
    const count = `${left}${listing.more ? " or more" : ""} of ${wanted}`;
    missing.push(
      `${count} tools of ${spec.name} are left out: an agent has ${limits.toolsPerAgent}.`,
    );
  }
  return { tools, missing };
}

function bindTool(server: McpServer, spec: McpToolSpec, tool: Tool): BoundTool {
  const hints = tool.annotations;
  const idempotent = hints?.readOnlyHint === true || hints?.idempotentHint === true;
  const call = {
    server,
    serverName: spec.name,
    tool,
    idempotent,
    timeoutMs: spec.timeoutMs ?? limits.toolTimeoutMs,
  };
  return {
    descriptor: {
      name: exposedName(spec.name, tool.name),
      description: tool.description ?? tool.title ?? hints?.title ?? tool.name,
      parameters: tool.inputSchema,
      idempotent,
    },
    onBrokenSchema: "pass",
    run: (args, context) => callMcpTool(call, args, context),
  };
}

const sizeOf = (tool: Tool) => JSON.stringify([tool.description, tool.inputSchema]).length;
