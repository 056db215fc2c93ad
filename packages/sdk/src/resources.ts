import { type AppliedResource, pluralOf, type Resource, type ResourceKind } from "@holdfast/core";
import type { Http } from "./http.ts";
import { pageQuery } from "./paging.ts";
import type { ApplyCallOptions, CallOptions, Page, PageRange, ResourceOf } from "./types.ts";

/** Names one resource; `organization` is absent for an organization itself. */
export interface ResourceAddress<Kind extends ResourceKind = ResourceKind> {
  readonly kind: Kind;
  readonly organization?: string;
  readonly name: string;
}

export interface ResourceCalls {
  /** A page in order of name. `organization` is needed for agents and providers. */
  list<Kind extends ResourceKind>(
    kind: Kind,
    organization?: string,
    range?: PageRange & CallOptions,
  ): Promise<Page<ResourceOf<Kind>>>;
  get<Kind extends ResourceKind>(
    address: ResourceAddress<Kind>,
    options?: CallOptions,
  ): Promise<ResourceOf<Kind>>;
  /** Creates or replaces one resource. */
  put(resource: Resource, options?: CallOptions): Promise<AppliedResource>;
  delete(address: ResourceAddress, options?: CallOptions): Promise<void>;
  /** All or nothing. Errors: `invalid_resource` with paths that begin with `resources[i]`. */
  apply(
    resources: readonly Resource[],
    options?: ApplyCallOptions,
  ): Promise<readonly AppliedResource[]>;
}

export function resourceCalls(http: Http): ResourceCalls {
  return {
    async list(kind, organization, range = {}) {
      const path = `${collectionPath(kind, organization)}${pageQuery(range)}`;
      const reply = await http.call({
        method: "GET",
        path,
        repeat: "harmless",
        signal: range.signal,
      });
      return reply.body as never;
    },
    async get(address, options = {}) {
      const path = resourcePath(address);
      const reply = await http.call({
        method: "GET",
        path,
        repeat: "harmless",
        signal: options.signal,
      });
      return reply.body as never;
    },
    async put(resource, options = {}) {
      const reply = await http.call({
        method: "PUT",
        path: resourcePath(resource),
        body: resource,
        repeat: "harmless",
        signal: options.signal,
      });
      return reply.body as AppliedResource;
    },
    async delete(address, options = {}) {
      await http.call({
        method: "DELETE",
        path: resourcePath(address),
        repeat: "visible",
        signal: options.signal,
      });
    },
    async apply(resources, options = {}) {
      const reply = await http.call({
        method: "POST",
        path: "/api/v1/apply",
        body: { resources, ...(options.dryRun ? { dryRun: true } : {}) },
        // Declared, not ordered: a second time it finds everything unchanged.
        repeat: options.dryRun ? "harmless" : "visible",
        signal: options.signal,
      });
      return (reply.body as { results: readonly AppliedResource[] }).results;
    },
  };
}

function resourcePath(address: ResourceAddress): string {
  const collection = collectionPath(address.kind, address.organization);
  return `${collection}/${encodeURIComponent(address.name)}`;
}

function collectionPath(kind: ResourceKind, organization: string | undefined): string {
  if (kind === "Organization") return "/api/v1/orgs";
  return `/api/v1/orgs/${encodeURIComponent(organization ?? "")}/${pluralOf[kind]}`;
}
