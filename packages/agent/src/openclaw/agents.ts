import { type Agent, limits, type ToolSpec } from "@holdfast/core";
import { beginning } from "../workspace/cut-text.ts";
import type { McpServer } from "./mcp-servers.ts";
import type { ModelRefs } from "./model-refs.ts";
import { leaveAgent } from "./not-taken.ts";
import type { RosterEntry } from "./roster.ts";
import type { Section } from "./section.ts";
import { readToolPolicy, serverAccess, type ToolPolicy } from "./tool-policy.ts";

export interface AgentContext {
  readonly organization: string;
  readonly defaults: Section | undefined;
  readonly models: ModelRefs;
  readonly servers: readonly McpServer[];
  /** The policy of the top-level `tools`. */
  readonly policy: ToolPolicy;
  /** `tools.agentToAgent`: whether agents may message each other, and which (all when undefined). */
  readonly agentToAgent: { readonly allow: readonly string[] | undefined } | undefined;
  readonly queue: Agent["queue"];
}

/** How much of a workspace goes in, and which skills. */
export interface WorkspaceWishes {
  readonly skills: readonly string[] | undefined;
  readonly fileChars: number | undefined;
  readonly totalChars: number | undefined;
}

const displayNameChars = 200;
const descriptionChars = 2_000;

/** One agent without its workspace. */
export function readAgent(entry: RosterEntry, context: AgentContext): Agent {
  const { section, id, name } = entry;
  const model = context.models.read(section, context.defaults, id);
  const identity = readIdentity(section, id);
  const tools = readTools(section, id, context);
  return {
    kind: "Agent",
    organization: context.organization,
    name,
    ...(identity.name && identity.name !== name && { displayName: identity.name }),
    ...(identity.description && { description: identity.description }),
    model,
    tools,
    ...(context.queue && { queue: context.queue }),
  };
}

/** Reads what decides about the workspace, then reports all keys that nobody read. */
export function readWishes(entry: RosterEntry, defaults: Section | undefined): WorkspaceWishes {
  const { section, id } = entry;
  const own = section.strings("skills");
  const skills = own ?? defaults?.strings("skills");
  if (skills !== undefined) {
    const reason = skills.length === 0 ? "no skills" : `only these skills: ${skills.join(", ")}`;
    (own ? section : defaults)?.take("skills", `skills of agent ${id}`, reason);
  }
  const fileChars = readCap(section, defaults, "bootstrapMaxChars", id);
  const totalChars = readCap(section, defaults, "bootstrapTotalMaxChars", id);
  return { skills, fileChars, totalChars };
}

export function finishAgent(entry: RosterEntry): void {
  leaveAgent(entry.section, `agent ${entry.id}`);
}

function readCap(
  section: Section,
  defaults: Section | undefined,
  key: string,
  id: string,
): number | undefined {
  const source = section.has(key) ? section : defaults;
  const value = source?.number(key);
  if (value === undefined) return undefined;
  if (!(value >= 1)) {
    source?.wrong(key, "a number of characters");
    return undefined;
  }
  source?.take(key, `${key} of agent ${id}`, "as far as it is below the cap of a workspace");
  return Math.floor(value);
}

function readIdentity(section: Section, id: string): { name?: string; description?: string } {
  const ownName = section.string("name");
  const ownDescription = section.string("description");
  const identity = section.section("identity");
  const identityName = identity?.string("name");
  const theme = identity?.string("theme");
  identity?.rest(`identity of agent ${id}`, () => "only name and theme are taken over");
  const name = ownName ?? identityName;
  const description = ownDescription ?? theme;
  if (name !== undefined)
    section.take("name", `name of agent ${id}`, `shown as ${beginning(name, 60)}`);
  if (identity && identityName !== undefined) {
    identity.take(
      "name",
      `identity of agent ${id}`,
      name === identityName ? "as its name" : "its name comes first",
    );
  }
  if (identity && theme !== undefined)
    identity.take("theme", `identity of agent ${id}`, "as its description");
  if (ownDescription !== undefined)
    section.take("description", `description of agent ${id}`, "as it is");
  return {
    ...(name && { name: beginning(name, displayNameChars) }),
    ...(description && { description: beginning(description, descriptionChars) }),
  };
}

function readTools(section: Section, id: string, context: AgentContext): ToolSpec[] {
  const tools: ToolSpec[] = [{ type: "memory" }];
  if (context.agentToAgent) {
    const { allow } = context.agentToAgent;
    tools.push({ type: "agents", ...(allow && { allow: [...allow] }) });
  }
  const own = section.section("tools");
  const policies = [context.policy, readToolPolicy(own)];
  own?.rest(`tools of agent ${id}`, () => "OpenClaw's own tools do not exist here");
  for (const key of ["profile", "allow", "alsoAllow", "deny"]) {
    if (own?.has(key)) {
      own.take(
        key,
        `tool policy of agent ${id}`,
        "for MCP servers; OpenClaw's own tools do not exist here",
      );
    }
  }
  for (const server of context.servers) {
    const access = serverAccess(server.id, policies);
    if ("reason" in access) {
      section.leave("tools", `MCP server ${server.id} for agent ${id}`, access.reason);
    } else if (tools.length >= toolsMax) {
      section.leave(
        "tools",
        `MCP server ${server.id} for agent ${id}`,
        `an agent has at most ${toolsMax} tools`,
      );
    } else tools.push(narrowed(server, access.tools));
  }
  return tools;
}

const toolsMax = 64;

function narrowed(server: McpServer, tools: readonly string[] | undefined): ToolSpec {
  if (!tools) return server.tool;
  const { allow } = server.tool;
  const both = allow ? tools.filter((tool) => allow.includes(tool)) : tools;
  return { ...server.tool, allow: both.slice(0, limits.toolsPerAgent) };
}

/** What is left of a resource for its workspace, in bytes of JSON. */
export function roomForWorkspace(agent: Agent): number {
  const slack = 4 * 1024;
  return limits.resourceBytes - Buffer.byteLength(JSON.stringify(agent)) - slack;
}
