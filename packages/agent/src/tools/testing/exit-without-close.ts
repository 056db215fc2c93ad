import { fileURLToPath } from "node:url";
import type { McpTransportSpec } from "../mcp/connection.ts";
import { createWorld } from "./world.ts";

/** Starts an MCP server that ignores SIGTERM and the end of its input, prints its pid, and just ends. */
const world = await createWorld();
const script = fileURLToPath(new URL("./mcp-stdio-server.ts", import.meta.url));
const transport: McpTransportSpec = {
  type: "stdio",
  command: process.execPath,
  args: [script, "stubborn"],
};
world.declare("main", [{ type: "mcp", name: "fix", transport }]);
const { text } = await world.call("fix__pid", {});
process.stdout.write(text, () => process.exit(0));
