import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type Account,
  type Agent,
  type ErrorDetail,
  type IdentityLink,
  organizationName,
  type Provider,
  type Resource,
  resourceSchema,
  resourceTitle,
} from "@holdfast/core";
import { type ImportNote, ImportNotes } from "../workspace/notes.ts";
import { readAccounts } from "./accounts.ts";
import { type AgentContext, finishAgent, readAgent, readWishes } from "./agents.ts";
import { findWorkspace } from "./find-workspace.ts";
import { type ConfigImport, importBare, withWorkspace } from "./import-workspace.ts";
import { loadConfig } from "./load-config.ts";
import { readMcpServers } from "./mcp-servers.ts";
import { ModelRefs } from "./model-refs.ts";
import { Names } from "./names.ts";
import { leaveAgent, leaveRoot } from "./not-taken.ts";
import { refuse } from "./parse-config.ts";
import { readProviders } from "./providers.ts";
import { readQueue } from "./queue.ts";
import { readRoster } from "./roster.ts";
import type { Environment } from "./secrets.ts";
import { type Findings, Section } from "./section.ts";
import { readSecretFiles, readSkillSettings } from "./shared-settings.ts";
import { leaveTools, readAgentToAgent } from "./shared-tools.ts";
import { readToolPolicy } from "./tool-policy.ts";

export interface ImportOptions {
  readonly organization: string;
  /** Fills `${VAR}` in settings that are no secrets; the process's own by default. */
  readonly env?: Environment;
  /** The operating system that skills are checked against; this machine's by default. */
  readonly platform?: string;
}

export interface ImportResult {
  /** The organization, then providers, agents with their workspaces, accounts, and identity links. */
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
      ? {
          providers: [],
          agents: [await importBare(directory, organization, notes, env, platform)],
          accounts: [],
          links: [],
        }
      : await importConfig({ directory, config, organization, notes, env, platform });
  const resources = [
    { kind: "Organization" as const, name: organization },
    ...agents.providers,
    ...agents.agents,
    ...agents.accounts,
    ...agents.links,
  ];
  return { resources: checked(resources), taken: notes.taken, left: notes.left };
}

interface ConfigResources {
  readonly providers: readonly Provider[];
  readonly agents: readonly Agent[];
  readonly accounts: readonly Account[];
  readonly links: readonly IdentityLink[];
}

async function importConfig(source: ConfigImport): Promise<ConfigResources> {
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
  const roster = readRoster(agentsSection, new Names("agent", errors), findings);
  const tools = root.section("tools");
  const context: AgentContext = {
    organization,
    defaults,
    models,
    servers,
    policy: readToolPolicy(tools),
    agentToAgent: readAgentToAgent(tools, roster),
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
  const { accounts, links } = readAccounts(root, {
    ...values,
    organization,
    directory,
    roster,
    findings,
  });
  if (defaults) leaveAgent(defaults, "agents.defaults");
  agentsSection?.rest("agents", () => "agents are declared one by one");
  leaveRoot(root);
  await leaveEnvFile(directory, notes);
  if (errors.length > 0) refuse(errors);
  return { providers: [...providers, ...models.needed.values()], agents, accounts, links };
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
