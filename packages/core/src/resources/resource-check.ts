import { type ErrorDetail, HoldfastError } from "../errors.ts";
import { namePattern } from "../ids.ts";
import { limits } from "../limits.ts";
import type { ApplyOptions } from "../resource-store.ts";
import { type Account, type IdentityLink, type Resource, resourceSchema } from "../resources.ts";
import { linkFaults } from "../channels/access/identity-links.ts";
import { isDeeperThan } from "./canonical-json.ts";
import { agentFaults, providerFaults, referencesOf } from "./resource-rules.ts";
import type { ResourceIndex } from "./resource-index.ts";
import { schemaFaults } from "./schema-faults.ts";
import {
  addressOf,
  addressTitle,
  keyOf,
  parseStored,
  type ResourceAddress,
  storedText,
  toBytes,
} from "./stored-resource.ts";

/** What is wrong with an account's channel and settings, which only the channel knows. */
export type AccountFaults = (account: Account) => readonly ErrorDetail[];

const quotas = {
  Agent: { plural: "agents", max: limits.agentsPerOrganization },
  Provider: { plural: "providers", max: limits.providersPerOrganization },
  Account: { plural: "accounts", max: limits.accountsPerOrganization },
  IdentityLink: { plural: "identity links", max: limits.identityLinksPerOrganization },
} as const;

/** A declared resource that is right by itself and in its set. */
export interface CheckedResource {
  /** Its place in the set: `resources[3]`. */
  readonly at: string;
  readonly resource: Resource;
  readonly address: ResourceAddress;
  readonly key: string;
  readonly text: string;
}

export interface CheckResult {
  readonly checked: readonly CheckedResource[];
  readonly faults: readonly ErrorDetail[];
  /** Faults of callers who may not do this. */
  readonly forbidden: readonly ErrorDetail[];
  /** What is referred to and stands neither in the set nor in the index. */
  readonly missing: ReadonlyMap<string, ResourceAddress>;
}

/** Checks a whole set before anything of it is written. Errors: `payload_too_large`. */
export function checkResources(
  declared: readonly unknown[],
  options: ApplyOptions,
  index: ResourceIndex,
  accountFaults: AccountFaults,
): CheckResult {
  if (declared.length > limits.resourcesPerApply) {
    const message = `${declared.length} resources are more than the ${limits.resourcesPerApply} of one set.`;
    throw new HoldfastError("payload_too_large", message);
  }
  const forbidden = declared.flatMap((value, i) =>
    confinementFaults(value, `resources[${i}]`, options),
  );
  const faults: ErrorDetail[] = [];
  const checked: CheckedResource[] = [];
  for (const [i, value] of declared.entries()) {
    const result = checkOne(value, `resources[${i}]`, accountFaults);
    if (Array.isArray(result)) faults.push(...result);
    else checked.push(result);
  }
  faults.push(...duplicateFaults(checked));
  const missing = new Map<string, ResourceAddress>();
  faults.push(...referenceFaults(checked, namedKeys(declared), index, missing));
  faults.push(...countFaults(checked, index));
  faults.push(...identityFaults(checked, index));
  return { checked, faults, forbidden, missing };
}

/** Errors: `forbidden`, `invalid_resource`. */
export function throwFaults({ faults, forbidden }: CheckResult): void {
  if (forbidden.length > 0) {
    const message = "The set holds resources that this caller may not change; nothing was applied.";
    throw new HoldfastError("forbidden", message, { details: named(forbidden) });
  }
  if (faults.length === 0) return;
  const count = faults.length === 1 ? "one fault" : `${faults.length} faults`;
  throw new HoldfastError("invalid_resource", `The resources have ${count}; nothing was applied.`, {
    details: named(faults),
  });
}

function named(faults: readonly ErrorDetail[]): ErrorDetail[] {
  const shown = faults.slice(0, limits.resourceFaultsNamed);
  const rest = faults.length - shown.length;
  return rest === 0 ? shown : [...shown, { path: "resources", message: `and ${rest} more faults` }];
}

/** The resource, or everything that is wrong with it by itself. */
function checkOne(
  value: unknown,
  at: string,
  accountFaults: AccountFaults,
): CheckedResource | ErrorDetail[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ path: at, message: "expected an object with kind and name" }];
  }
  if (isDeeperThan(value, limits.jsonDepth)) {
    return [{ path: at, message: `expected at most ${limits.jsonDepth} levels of nesting` }];
  }
  const result = resourceSchema.safeParse(value);
  if (!result.success) return schemaFaults(result.error, value, at);
  const resource = result.data;
  const faults = faultsOf(resource, at, accountFaults);
  const text = storedText(resource);
  const bytes = toBytes(text).byteLength;
  if (bytes > limits.resourceBytes) {
    const message = `${bytes} bytes of JSON: expected at most ${limits.resourceBytes}`;
    faults.push({ path: at, message });
  }
  if (faults.length > 0) return faults;
  const address = addressOf(resource);
  return { at, resource, address, key: keyOf(address), text };
}

function faultsOf(resource: Resource, at: string, accountFaults: AccountFaults): ErrorDetail[] {
  if (resource.kind === "Agent") return agentFaults(resource, at);
  if (resource.kind !== "Account") return providerFaults(resource, at);
  return accountFaults(resource).map(({ path, message }) => ({ path: `${at}.${path}`, message }));
}

/** Looks at the bare values, so that no other fault of a resource shows what it may not name. */
function confinementFaults(value: unknown, path: string, options: ApplyOptions): ErrorDetail[] {
  const own = options.organization;
  if (own === undefined || typeof value !== "object" || value === null) return [];
  const { kind, organization } = value as { kind?: unknown; organization?: unknown };
  if (kind === "Organization") {
    return [
      { path, message: `forbidden: only resources of the organization ${own} may be applied` },
    ];
  }
  if (typeof organization !== "string" || organization === own) return [];
  return [{ path: `${path}.organization`, message: `forbidden: expected the organization ${own}` }];
}

function duplicateFaults(checked: readonly CheckedResource[]): ErrorDetail[] {
  const first = new Map<string, string>();
  return checked.flatMap(({ key, at, address }) => {
    const other = first.get(key);
    if (other === undefined) first.set(key, at);
    const message = `${addressTitle(address)} stands at ${other} already: expected each once`;
    return other === undefined ? [] : [{ path: `${at}.name`, message }];
  });
}

/** What the set brings, its faulty resources too: those who refer to them are not at fault. */
function namedKeys(declared: readonly unknown[]): Set<string> {
  const keys = new Set<string>();
  for (const value of declared) {
    const { kind, organization, name } = (value ?? {}) as Partial<Record<string, unknown>>;
    if (kind === "Organization") keys.add(`organization.${String(name)}`);
    const isReferred = kind === "Provider" || kind === "Agent";
    if (isReferred) keys.add(`${kind.toLowerCase()}.${String(organization)}.${String(name)}`);
  }
  return keys;
}

function referenceFaults(
  checked: readonly CheckedResource[],
  named: ReadonlySet<string>,
  index: ResourceIndex,
  missing: Map<string, ResourceAddress>,
): ErrorDetail[] {
  return checked.flatMap(({ resource, at }) =>
    referencesOf(resource, at).flatMap(({ to, path, message }) => {
      const key = keyOf(to);
      if (named.has(key) || index.find(to)) return [];
      // A name that cannot be declared need not be looked for.
      if (namePattern.test(to.name)) missing.set(key, to);
      return [{ path, message }];
    }),
  );
}

/** Identities that two links of an organization name, the stored links that the set leaves alone included. */
function identityFaults(checked: readonly CheckedResource[], index: ResourceIndex): ErrorDetail[] {
  const places = new Map<string, string>();
  const links: IdentityLink[] = [];
  for (const { resource, at } of checked) {
    if (resource.kind !== "IdentityLink") continue;
    places.set(`${resource.organization}/${resource.name}`, at);
    links.push(resource);
  }
  return [...Map.groupBy(links, ({ organization }) => organization)].flatMap(([owner, own]) => {
    const stored: IdentityLink[] = [];
    const start = { organization: "", name: "" };
    for (const { address, entry } of index.walk("IdentityLink", owner, start)) {
      if (places.has(`${owner}/${address.name}`)) continue;
      stored.push((entry.parsed ?? parseStored(address, entry.text)) as IdentityLink);
    }
    return linkFaults([...stored, ...own]).flatMap(({ path, message }) => {
      const dot = path.indexOf(".");
      const place = places.get(`${owner}/${path.slice(0, dot)}`);
      // What two links of before have in common is nobody's, and no fault of this request.
      return place === undefined ? [] : [{ path: `${place}${path.slice(dot)}`, message }];
    });
  });
}

/** What would be created over the number that may be. */
function countFaults(checked: readonly CheckedResource[], index: ResourceIndex): ErrorDetail[] {
  const counts = new Map<string, number>();
  return checked.flatMap(({ address, at }) => {
    if (index.find(address)) return [];
    const { scope, max, now } = quotaOf(address, index);
    const count = (counts.get(scope) ?? now) + 1;
    counts.set(scope, count);
    return count > max ? [{ path: at, message: `expected at most ${max} ${scope}` }] : [];
  });
}

function quotaOf({ kind, organization = "" }: ResourceAddress, index: ResourceIndex) {
  if (kind === "Organization") {
    return { scope: "organizations", max: limits.organizations, now: index.counts.Organization };
  }
  const now = index.count(kind, organization);
  const { plural, max } = quotas[kind];
  return { scope: `${plural} in ${organization}`, max, now };
}
