export {
  createTools,
  type RunningTools,
  type ToolsOptions,
  type ToolsStatus,
} from "./create-tools.ts";
export type { ToolLog } from "./log.ts";
export type { McpServerState, McpServerStatus } from "./mcp/server.ts";
export { memoryBucket } from "./memory-tools.ts";
