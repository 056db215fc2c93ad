import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  type Agent,
  type ErrorDetail,
  HoldfastError,
  organizationName,
  type Provider,
  type Resource,
  resourceSchema,
  resourceTitle,
} from "@holdfast/core";
import { type ImportNote, ImportNotes } from "../workspace/notes.ts";
import { readWorkspace } from "../workspace/read-workspace.ts";
import { workspaceLimits } from "../workspace/workspace-limits.ts";
import {
  type AgentContext,
  finishAgent,
  readAgent,
  readWishes,
  roomForWorkspace,
  type WorkspaceWishes,
} from "./agents.ts";
import { bareAgent } from "./bare-workspace.ts";
import { findWorkspace } from "./find-workspace.ts";
import { loadConfig, refuse } from "./load-config.ts";
import { readMcpServers } from "./mcp-servers.ts";
import { ModelRefs } from "./model-refs.ts";
import { Names } from "./names.ts";
import { leaveAgent, leaveRoot } from "./not-taken.ts";
import { readProviders } from "./providers.ts";
import { readQueue } from "./queue.ts";
import { readRoster, type RosterEntry } from "./roster.ts";
import type { Environment } from "./secrets.ts";
import { type Findings, type JsonObject, Section } from "./section.ts";
import { isTruthyAt, readSecretFiles, readSkillSettings } from "./shared-settings.ts";
import { readToolPolicy } from "./tool-policy.ts";

export interface ImportOptions {
  readonly organization: string;
  /** Fills `${VAR}` in settings that are no secrets; the process's own by default. */
  readonly env?: Environment;
  /** The operating system that skills are checked against; this machine's by default. */
  readonly platform?: string;
}

export interface ImportResult {
  /** The organization, then providers, then agents with their workspaces. */
  readonly resources: readonly Resource[];
  readonly taken: readonly ImportNote[];
  /** What was not taken over, or only in part, and why. */
  readonly left: readonly ImportNote[];
}

/**
 * Reads OpenClaw's configuration with the workspaces of its agents, or a bare workspace, into resources
 * to apply. Changes nothing. Errors: `file_unreadable`; `import_refused` with every fault in its details;
 * `invalid_request` for the organization's name.
 */
export async function importOpenClaw(path: string, options: ImportOptions): Promise<ImportResult> {
  const organization: string = organizationName(options.organization);
  const notes = new ImportNotes();
  const { directory, config } = await loadConfig(path, notes);
  const env = options.env ?? process.env;
  const platform = options.platform ?? process.platform;
  const agents =
    config === undefined
      ? { providers: [], agents: [await importBare(directory, organization, notes, env, platform)] }
      : await importConfig({ directory, config, organization, notes, env, platform });
  const resources = [
    { kind: "Organization" as const, name: organization },
    ...agents.providers,
    ...agents.agents,
  ];
  return { resources: checked(resources), taken: notes.taken, left: notes.left };
}

interface ConfigImport {
  readonly directory: string;
  readonly config: JsonObject;
  readonly organization: string;
  readonly notes: ImportNotes;
  readonly env: Environment;
  readonly platform: string;
}

async function importConfig(
  source: ConfigImport,
): Promise<{ providers: Provider[]; agents: Agent[] }> {
  const { directory, config, organization, notes, env } = source;
  const errors: ErrorDetail[] = [];
  const findings: Findings = { notes, errors };
  const root = new Section(config, "", findings);
  const values = { env, secretFiles: readSecretFiles(root.section("secrets"), directory) };
  const providerNames = new Names("provider", errors);
  const providers = readProviders(root.section("models"), {
    ...values,
    organization,
    names: providerNames,
  });
  const servers = readMcpServers(root.section("mcp"), new Names("MCP server", errors, 24), values);
  const agentsSection = root.section("agents");
  const defaults = agentsSection?.section("defaults");
  const models = new ModelRefs(organization, providerNames);
  models.readAliases(defaults?.section("models"));
  const agentNames = new Names("agent", errors);
  const roster = readRoster(agentsSection, agentNames, findings);
  const tools = root.section("tools");
  const context: AgentContext = {
    organization,
    defaults,
    models,
    servers,
    policy: readToolPolicy(tools),
    agentToAgent: readAgentToAgent(tools, agentNames),
    queue: readQueue(root.section("messages")),
  };
  leaveTools(tools);
  const disabled = readSkillSettings(root.section("skills"));
  const drafts = roster.map((entry) => ({
    entry,
    agent: readAgent(entry, context),
    wishes: readWishes(entry, defaults),
  }));
  for (const server of servers) {
    if (
      !drafts.some(({ agent }) =>
        agent.tools?.some((tool) => tool.type === "mcp" && tool.name === server.tool.name),
      )
    ) {
      notes.leave(`MCP server ${server.id}`, server.path, "no agent may use it");
    }
  }
  const agents: Agent[] = [];
  const places = { directory, env, roster, defaults };
  for (const draft of drafts) {
    const folder = await findWorkspace(draft.entry, places);
    finishAgent(draft.entry);
    // A faulty configuration is refused as a whole: reading its files would be in vain.
    if (errors.length > 0) continue;
    agents.push(await withWorkspace(draft, folder, disabled, source));
  }
  if (defaults) leaveAgent(defaults, "agents.defaults");
  agentsSection?.rest("agents", () => "agents are declared one by one");
  leaveRoot(root);
  await leaveEnvFile(directory, notes);
  if (errors.length > 0) refuse(errors);
  return { providers: [...providers, ...models.needed.values()], agents };
}

async function withWorkspace(
  draft: { entry: RosterEntry; agent: Agent; wishes: WorkspaceWishes },
  folder: string | undefined,
  disabled: ReadonlySet<string>,
  source: ConfigImport,
): Promise<Agent> {
  if (folder === undefined) return draft.agent;
  const shared = join(source.directory, "skills");
  const isOwn = resolve(shared).startsWith(`${resolve(folder)}/`);
  const skillFolders = !isOwn && (await isDirectory(shared)) ? [shared] : [];
  const { wishes } = draft;
  const reading = await readWorkspace(
    folder,
    {
      ...workspaceLimits,
      fileChars: Math.min(workspaceLimits.fileChars, wishes.fileChars ?? Infinity),
      totalChars: Math.min(workspaceLimits.totalChars, wishes.totalChars ?? Infinity),
      totalBytes: roomForWorkspace(draft.agent),
    },
    {
      host: {
        platform: source.platform,
        env: source.env,
        config: (path) => isTruthyAt(source.config, path),
      },
      skillFolders,
      disabledSkills: disabled,
      ...(wishes.skills && { allowSkills: wishes.skills }),
    },
  );
  addNotes(source.notes, reading, folder, `agent ${draft.entry.id}: `);
  return { ...draft.agent, workspace: reading.workspace };
}

async function importBare(
  directory: string,
  organization: string,
  notes: ImportNotes,
  env: Environment,
  platform: string,
): Promise<Agent> {
  const host = { platform, env, config: () => false };
  const reading = await readWorkspace(
    directory,
    { ...workspaceLimits, totalBytes: roomForWorkspace(bareAgent("a", organization, undefined)) },
    { host },
  );
  const identity = reading.workspace.files.find((file) => file.path === "IDENTITY.md");
  const agent = bareAgent(directory, organization, identity?.text);
  if (reading.taken.length === 0 && reading.left.length === 0) {
    throw new HoldfastError(
      "import_refused",
      `${directory} holds neither openclaw.json nor files of a workspace (AGENTS.md, SOUL.md, skills/...).`,
    );
  }
  notes.take(
    `agent ${agent.name}`,
    directory,
    'a workspace without openclaw.json, with the model "default"',
  );
  addNotes(notes, reading, "", "");
  return { ...agent, workspace: reading.workspace };
}

function addNotes(
  notes: ImportNotes,
  reading: { taken: readonly ImportNote[]; left: readonly ImportNote[] },
  folder: string,
  prefix: string,
): void {
  for (const note of reading.taken)
    notes.take(prefix + note.subject, resolvePath(folder, note.path), note.reason);
  for (const note of reading.left) {
    notes.leave(prefix + note.subject, resolvePath(folder, note.path), note.reason, note.code);
  }
}

function resolvePath(folder: string, path: string): string {
  return folder === "" ? path : resolve(folder, path);
}

function readAgentToAgent(tools: Section | undefined, names: Names): AgentContext["agentToAgent"] {
  const section = tools?.section("agentToAgent");
  const enabled = section?.boolean("enabled");
  const allow = section?.strings("allow");
  section?.rest("tools.agentToAgent", () => "it has no counterpart here");
  if (!section) return undefined;
  if (enabled !== true) {
    section.leave("enabled", "messages between agents", "they are switched off");
    if (allow) section.leave("allow", "messages between agents", "they are switched off");
    return undefined;
  }
  section.take("enabled", "messages between agents", "every agent gets the tool agents");
  if (!allow || allow.includes("*")) {
    if (allow) section.take("allow", "messages between agents", "to all agents");
    return { allow: undefined };
  }
  const known = allow.flatMap((id) => names.get(id) ?? []);
  section.take("allow", "messages between agents", `to ${known.join(", ") || "none"}`);
  const unknown = allow.filter((id) => names.get(id) === undefined);
  if (unknown.length > 0) {
    section.leave("allow", "messages between agents", `no such agents: ${unknown.join(", ")}`);
  }
  return { allow: known };
}

function leaveTools(tools: Section | undefined): void {
  for (const key of ["profile", "allow", "alsoAllow", "deny"]) {
    if (tools?.has(key))
      tools.take(key, "tool policy", "for MCP servers; OpenClaw's own tools do not exist here");
  }
  tools?.rest("tools", () => "OpenClaw's own tools do not exist here");
}

async function leaveEnvFile(directory: string, notes: ImportNotes): Promise<void> {
  const status = await stat(join(directory, ".env")).catch(() => undefined);
  if (!status) return;
  notes.leave(
    ".env",
    ".env",
    "variables are not taken over: set them in the environment of the node",
  );
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** The last guard: what an import hands out fits the schema of resources. */
function checked(resources: readonly Resource[]): readonly Resource[] {
  const errors: ErrorDetail[] = [];
  for (const resource of resources) {
    const result = resourceSchema.safeParse(resource);
    for (const issue of result.error?.issues ?? []) {
      errors.push({
        path: `${resourceTitle(resource)}: ${issue.path.join(".")}`,
        message: issue.message,
      });
    }
  }
  if (errors.length > 0) refuse(errors);
  return resources;
}
