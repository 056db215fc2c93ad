import type { ErrorDetail } from "../errors.ts";
import type { Account, Agent, IdentityLink, Resource, ToolSpec } from "../resources.ts";
import type { ResourceAddress } from "./stored-resource.ts";

/** Providers that exist without being declared. */
const builtInProviders: readonly string[] = ["demo", "openai", "anthropic"];

/** What a resource needs to exist, and the fault when it does not. */
export interface Reference {
  readonly to: ResourceAddress;
  readonly path: string;
  readonly message: string;
}

/** The organization, and the declared providers of an agent's models. */
export function referencesOf(resource: Resource, at: string): Reference[] {
  if (resource.kind === "Organization") return [];
  const { organization } = resource;
  const owner: Reference = {
    to: { kind: "Organization", organization: undefined, name: organization },
    path: `${at}.organization`,
    message: `the organization ${organization} does not exist: expected one that does, or that is in the set`,
  };
  if (resource.kind === "Provider") return [owner];
  if (resource.kind === "Account" || resource.kind === "IdentityLink") {
    return [owner, ...agentsNamed(resource, at)];
  }
  const providers = modelsOf(resource, `${at}.model`).flatMap(({ model, path }) => {
    const name = providerOf(model);
    if (name === undefined || builtInProviders.includes(name)) return [];
    const to: ResourceAddress = { kind: "Provider", organization, name };
    const message = `the provider ${name} does not exist in ${organization}: expected one of its providers, demo, openai or anthropic`;
    return [{ to, path, message }];
  });
  return [owner, ...providers];
}

/** The agents that an account or a link names. */
function agentsNamed(resource: Account | IdentityLink, at: string): Reference[] {
  const { organization, agent } = resource;
  const bound = resource.kind === "Account" ? (resource.bindings ?? []) : [];
  const named = [
    ...(agent === undefined ? [] : [{ name: agent, path: `${at}.agent` }]),
    ...bound.map((binding, i) => ({ name: binding.agent, path: `${at}.bindings[${i}].agent` })),
  ];
  return named.map(({ name, path }) => ({
    to: { kind: "Agent", organization, name },
    path,
    message: `the agent ${name} does not exist in ${organization}: expected one of its agents`,
  }));
}

/** Whether an account or a link names the agent. */
export function usesAgent(resource: Account | IdentityLink, agent: string): boolean {
  return agentsNamed(resource, "").some(({ to }) => to.name === agent);
}

/** Whether one of the agent's models is of that provider, declared or built in. */
export function usesProvider(agent: Agent, provider: string): boolean {
  return modelsOf(agent, "model").some(({ model }) => providerOf(model) === provider);
}

export function agentFaults(agent: Agent, at: string): ErrorDetail[] {
  return (agent.tools ?? []).flatMap((tool, i) => toolFaults(tool, `${at}.tools[${i}]`));
}

export function providerFaults(resource: Resource, at: string): ErrorDetail[] {
  if (resource.kind !== "Provider" || resource.type !== "openai-compatible") return [];
  if (resource.baseUrl !== undefined) return [];
  const message = "missing: expected an http or https URL, which openai-compatible needs";
  return [{ path: `${at}.baseUrl`, message }];
}

/** A light look at the JSON schema: what models and providers refuse at once. */
function toolFaults(tool: ToolSpec, at: string): ErrorDetail[] {
  if (tool.type !== "http") return [];
  const { type, properties, required } = tool.parameters;
  const path = `${at}.parameters`;
  const faults: ErrorDetail[] = [];
  if (type !== "object") {
    faults.push({ path: `${path}.type`, message: 'expected "object": arguments are an object' });
  }
  if (properties !== undefined && !isObject(properties)) {
    faults.push({ path: `${path}.properties`, message: "expected an object of JSON schemas" });
  }
  if (required !== undefined && !isTexts(required)) {
    faults.push({ path: `${path}.required`, message: "expected an array of property names" });
  }
  return faults;
}

function modelsOf({ model }: Agent, path: string): { model: string; path: string }[] {
  if (typeof model === "string") return [{ model, path }];
  const fallbacks = (model.fallbacks ?? []).map((fallback, i) => ({
    model: fallback,
    path: `${path}.fallbacks[${i}]`,
  }));
  return [{ model: model.primary, path: `${path}.primary` }, ...fallbacks];
}

/** The part before the slash; undefined for `default`. */
function providerOf(model: string): string | undefined {
  const slash = model.indexOf("/");
  return slash < 0 ? undefined : model.slice(0, slash);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
