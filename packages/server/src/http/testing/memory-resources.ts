import {
  type Account,
  type Agent,
  type AgentRef,
  type AppliedResource,
  type ApplyOptions,
  type ErrorDetail,
  HoldfastError,
  type IdentityLink,
  type ListRange,
  type Organization,
  type Provider,
  type Resource,
  type ResourceKind,
  type ResourcePage,
  resourceSchema,
  type ResourceStore,
} from "@holdfast/core";

/** Declared resources in memory. */
export class MemoryResources implements ResourceStore {
  readonly #resources = new Map<string, Resource>();

  organization(name: string) {
    return this.#resources.get(key("Organization", undefined, name)) as Organization | undefined;
  }

  agent({ organization, agent }: AgentRef) {
    return this.#resources.get(key("Agent", organization, agent)) as Agent | undefined;
  }

  provider(organization: string, name: string) {
    return this.#resources.get(key("Provider", organization, name)) as Provider | undefined;
  }

  account(organization: string, name: string) {
    return this.#resources.get(key("Account", organization, name)) as Account | undefined;
  }

  identityLink(organization: string, name: string) {
    return this.#resources.get(key("IdentityLink", organization, name)) as IdentityLink | undefined;
  }

  onChange() {
    return () => {};
  }

  list(kind: ResourceKind, organization: string | undefined, range: ListRange): ResourcePage {
    const all = [...this.#resources.values()]
      .filter((resource) => resource.kind === kind)
      .filter((resource) => ownerOf(resource) === organization)
      .filter(({ name }) => range.after === undefined || name > range.after)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const items = all.slice(0, range.limit);
    const last = items.at(-1);
    return last && all.length > items.length ? { items, next: last.name } : { items };
  }

  async apply(
    declared: readonly unknown[],
    options: ApplyOptions,
  ): Promise<readonly AppliedResource[]> {
    const details: ErrorDetail[] = [];
    const resources = declared.flatMap((one, index): Resource[] => {
      const parsed = resourceSchema.safeParse(one);
      const at = `resources[${index}]`;
      if (!parsed.success) {
        details.push(
          ...parsed.error.issues.map(({ path, message }) => ({
            path: [at, ...path].join("."),
            message,
          })),
        );
        return [];
      }
      const owner = ownerOf(parsed.data) ?? parsed.data.name;
      if (options.organization !== undefined && owner !== options.organization) {
        details.push({ path: at, message: `expected organization ${options.organization}` });
      }
      return [parsed.data];
    });
    if (details.length > 0) {
      throw new HoldfastError("invalid_resource", "Nothing was applied.", { details });
    }
    return resources.map((resource) => this.#put(resource, options.dryRun === true));
  }

  async delete(kind: ResourceKind, organization: string | undefined, name: string): Promise<void> {
    const used = kind === "Organization" && this.list("Agent", name, { limit: 1 }).items[0];
    if (used) throw new HoldfastError("resource_in_use", "The organization has agents.");
    if (!this.#resources.delete(key(kind, organization, name))) {
      throw new HoldfastError("not_found", "Nothing of that name.");
    }
  }

  #put(resource: Resource, dryRun: boolean): AppliedResource {
    const { kind, name } = resource;
    const organization = ownerOf(resource);
    const at = key(kind, organization, name);
    const before = this.#resources.get(at);
    if (!dryRun) this.#resources.set(at, resource);
    return {
      kind,
      name,
      change: before ? "changed" : "created",
      ...(organization === undefined ? {} : { organization }),
      ...(before ? { before } : {}),
    };
  }
}

function ownerOf(resource: Resource): string | undefined {
  return resource.kind === "Organization" ? undefined : resource.organization;
}

function key(kind: ResourceKind, organization: string | undefined, name: string): string {
  return `${kind} ${organization ?? ""}/${name}`;
}
