export {
  createModelGateway,
  defaultModel,
  type ModelGateway,
  type ModelGatewayOptions,
  type ProviderStatus,
} from "./models/index.ts";
export {
  type ImportOptions,
  type ImportResult,
  importOpenClaw,
} from "./openclaw/import-openclaw.ts";
export { readTextFile, resolveSecret } from "./secrets.ts";
export {
  createTools,
  type McpServerState,
  type McpServerStatus,
  memoryBucket,
  type RunningTools,
  type ToolLog,
  type ToolsOptions,
  type ToolsStatus,
} from "./tools/index.ts";
export { composeInstructions } from "./workspace/instructions.ts";
export type { ImportNote } from "./workspace/notes.ts";
export {
  readWorkspace,
  type WorkspaceOptions,
  type WorkspaceReading,
} from "./workspace/read-workspace.ts";
export { skillToolName } from "./workspace/skill-list.ts";
export type { SkillHost } from "./workspace/skill-requirements.ts";
export { readSkill, skillTool } from "./workspace/skill-tool.ts";
export { type WorkspaceLimits, workspaceLimits } from "./workspace/workspace-limits.ts";
