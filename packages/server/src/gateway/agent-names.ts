import {
  type Agent,
  type AgentName,
  type AgentRef,
  namePattern,
  type OrganizationName,
  type ResourceStore,
} from "@holdfast/core";
import type { TokenRecord } from "@holdfast/security";
import { organizationNames } from "../http/openai/model-names.ts";
import { gatewayLimits } from "./limits.ts";
import { invalidRequest } from "./protocol.ts";

/** Agents that clients ask for before they know which there are. */
const usualNames = ["main", "default"];

/**
 * Which agents a token reaches, and what its clients call them: an agent's id is its name. Only where an
 * administrator's token reaches several organizations it is `organization_agent` (no name holds `_`, and
 * OpenClaw's ids hold nothing else that names do not). Which of the two it is stays the same for a
 * connection. A plain name is understood everywhere as long as it fits one agent.
 */
export class AgentNames {
  readonly #resources: ResourceStore;
  readonly #caller: TokenRecord;
  readonly #isQualified: boolean;

  constructor(resources: ResourceStore, caller: TokenRecord) {
    this.#resources = resources;
    this.#caller = caller;
    this.#isQualified = caller.organization === null && this.#organizations(2).length > 1;
  }

  idOf({ organization, agent }: AgentRef): string {
    return this.#isQualified ? `${organization}_${agent}` : agent;
  }

  /** Errors: `INVALID_REQUEST`; another organization's agent is as absent as one that does not exist. */
  refOf(id: string): AgentRef {
    const name = id.trim().toLowerCase();
    const [organization, agent] = name.split("_", 2);
    if (organization !== undefined && agent !== undefined) {
      const exact = this.#find(organization, agent);
      if (exact) return exact;
      throw unknownAgent(id);
    }
    const found = this.#named(name);
    if (found.length > 1) {
      throw invalidRequest(
        `agent id ${shown(id)} fits agents of several organizations: use organization_agent`,
      );
    }
    const only = found[0] ?? (usualNames.includes(name) ? this.#theOnly() : undefined);
    if (!only) throw unknownAgent(id);
    return only;
  }

  /** The agent that is meant when none is named. Errors: `INVALID_REQUEST`. */
  defaultRef(): AgentRef {
    const ref = this.#usual() ?? this.#theOnly();
    if (ref) return ref;
    throw invalidRequest("several agents are configured, or none: name one with agentId", {
      code: "AGENT_SELECTION_REQUIRED",
    });
  }

  /** True when a client must say which agent it means. */
  get mustChoose(): boolean {
    return !this.#usual() && !this.#theOnly();
  }

  /** In order of organization and name, up to `gatewayLimits.listedAgents`. */
  list(limit: number = gatewayLimits.listedAgents): Agent[] {
    const agents: Agent[] = [];
    for (const organization of organizationNames(this.#resources, this.#caller)) {
      const page = this.#resources.list("Agent", organization, { limit: limit - agents.length });
      agents.push(...page.items.filter((item) => item.kind === "Agent"));
      if (agents.length >= limit) break;
    }
    return agents;
  }

  agent(ref: AgentRef): Agent | undefined {
    return this.#resources.agent(ref);
  }

  #usual(): AgentRef | undefined {
    for (const name of usualNames) {
      const found = this.#named(name);
      if (found.length === 1) return found[0];
    }
    return undefined;
  }

  #theOnly(): AgentRef | undefined {
    const [first, second] = this.list(2);
    return first && !second ? refOfAgent(first) : undefined;
  }

  /** Up to two. */
  #named(agent: string): AgentRef[] {
    const found: AgentRef[] = [];
    for (const organization of organizationNames(this.#resources, this.#caller)) {
      const ref = this.#find(organization, agent);
      if (ref) found.push(ref);
      if (found.length > 1) break;
    }
    return found;
  }

  #find(organization: string, agent: string): AgentRef | undefined {
    const own = this.#caller.organization;
    if (own !== null && own !== organization) return undefined;
    if (!namePattern.test(organization) || !namePattern.test(agent)) return undefined;
    const ref = { organization: organization as OrganizationName, agent: agent as AgentName };
    return this.#resources.agent(ref) ? ref : undefined;
  }

  #organizations(limit: number): string[] {
    const names: string[] = [];
    for (const name of organizationNames(this.#resources, this.#caller)) {
      names.push(name);
      if (names.length >= limit) break;
    }
    return names;
  }
}

export function refOfAgent({ organization, name }: Agent): AgentRef {
  return { organization: organization as OrganizationName, agent: name as AgentName };
}

function unknownAgent(agentId: string) {
  return invalidRequest(`unknown agent id ${shown(agentId)}`, {
    code: "UNKNOWN_AGENT_ID",
    agentId,
  });
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
