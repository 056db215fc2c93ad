import {
  type AgentName,
  type AgentRef,
  HoldfastError,
  namePattern,
  type OrganizationName,
  type ResourceStore,
} from "@holdfast/core";
import type { TokenRecord } from "@holdfast/security";
import { shown } from "../access.ts";

/**
 * The agent that a `model` names: `organization/agent`; `agent` in the caller's organization; or
 * OpenClaw's `openclaw`, `openclaw/default` (whose agent `openClawAgent` may pick) and
 * `openclaw/<agentId>`. Another organization's agent is as absent as one that does not exist.
 * Errors: `model_not_found`.
 */
export function resolveModel(
  resources: ResourceStore,
  caller: TokenRecord,
  model: string,
  openClawAgent: string | undefined,
): AgentRef {
  const slash = model.indexOf("/");
  const first = slash < 0 ? model : model.slice(0, slash);
  const rest = slash < 0 ? "" : model.slice(slash + 1);
  if (rest !== "") {
    const exact = reachable(resources, caller, first, rest);
    if (exact) return exact;
  }
  if (first === "openclaw") {
    const isDefault = rest === "" || rest === "default";
    const names = isDefault ? (openClawAgent ? [openClawAgent] : ["default", "main"]) : [rest];
    for (const name of names) {
      const found = inOrganizations(resources, caller, name.toLowerCase());
      if (found.length > 0) return theOnly(found, model);
    }
    if (isDefault && !openClawAgent) return onlyAgent(resources, caller, model);
    throw notFound(model);
  }
  if (rest !== "") throw notFound(model);
  return theOnly(inOrganizations(resources, caller, first), model);
}

/** Every organization that a token reaches, in order of name. */
export function* organizationNames(
  resources: ResourceStore,
  caller: TokenRecord,
): Generator<string, void, undefined> {
  if (caller.organization !== null) return yield caller.organization;
  let after: string | undefined;
  do {
    const range = { limit: 1_000, ...(after === undefined ? {} : { after }) };
    const page = resources.list("Organization", undefined, range);
    for (const item of page.items) yield item.name;
    after = page.next;
  } while (after !== undefined);
}

function reachable(
  resources: ResourceStore,
  caller: TokenRecord,
  organization: string,
  agent: string,
): AgentRef | undefined {
  if (caller.organization !== null && caller.organization !== organization) return undefined;
  if (!namePattern.test(organization) || !namePattern.test(agent)) return undefined;
  const ref = { organization: organization as OrganizationName, agent: agent as AgentName };
  return resources.agent(ref) ? ref : undefined;
}

function inOrganizations(resources: ResourceStore, caller: TokenRecord, agent: string): AgentRef[] {
  const found: AgentRef[] = [];
  for (const organization of organizationNames(resources, caller)) {
    const ref = reachable(resources, caller, organization, agent);
    if (ref) found.push(ref);
    if (found.length > 1) break;
  }
  return found;
}

/** An organization with one agent needs no name for it. */
function onlyAgent(resources: ResourceStore, caller: TokenRecord, model: string): AgentRef {
  const found: AgentRef[] = [];
  for (const organization of organizationNames(resources, caller)) {
    for (const item of resources.list("Agent", organization, { limit: 2 }).items) {
      found.push({ organization: organization as OrganizationName, agent: item.name as AgentName });
    }
    if (found.length > 1) break;
  }
  return theOnly(found, model);
}

function theOnly(found: readonly AgentRef[], model: string): AgentRef {
  const [ref, other] = found;
  if (!ref) throw notFound(model);
  if (other) {
    const problem = `The model ${shown(model)} fits several agents: write organization/agent.`;
    throw new HoldfastError("model_not_found", problem, { details: [modelDetail] });
  }
  return ref;
}

function notFound(model: string): HoldfastError {
  return new HoldfastError("model_not_found", `The model ${shown(model)} names no agent.`, {
    details: [modelDetail],
  });
}

const modelDetail = { path: "model", message: "expected organization/agent" };
