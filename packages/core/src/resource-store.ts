import type { AgentRef } from "./ids.ts";
import type {
  Account,
  Agent,
  IdentityLink,
  Organization,
  Provider,
  Resource,
  ResourceKind,
} from "./resources.ts";

/** Declared resources, in memory on every node and kept true by watches. */
export interface ResourceStore {
  organization(name: string): Organization | undefined;
  agent(ref: AgentRef): Agent | undefined;
  provider(organization: string, name: string): Provider | undefined;
  account(organization: string, name: string): Account | undefined;
  identityLink(organization: string, name: string): IdentityLink | undefined;
  /** Calls `listen`, which must not throw, after each change of that kind; the result ends it. */
  onChange(
    kind: ResourceKind,
    listen: (address: { readonly organization: string | undefined; readonly name: string }) => void,
  ): () => void;
  /** A page in order of name, beginning after the name `after`. */
  list(kind: ResourceKind, organization: string | undefined, range: ListRange): ResourcePage;
  /**
   * Applies all or nothing of a set: every resource is checked (schema, references) before any is
   * written. Errors: `invalid_resource` with one detail per fault, the path beginning with the
   * resource's index: `resources[3].model`.
   */
  apply(resources: readonly unknown[], options: ApplyOptions): Promise<readonly AppliedResource[]>;
  /** Errors: `not_found`, `resource_in_use`. */
  delete(kind: ResourceKind, organization: string | undefined, name: string): Promise<void>;
}

export interface ListRange {
  readonly after?: string;
  readonly limit: number;
}

export interface ResourcePage {
  readonly items: readonly Resource[];
  /** Give this as `after` for the next page; absent on the last. */
  readonly next?: string;
}

export interface ApplyOptions {
  /** Only say what would change. */
  readonly dryRun?: boolean;
  /** Refuse resources of other organizations than this. */
  readonly organization?: string;
}

export interface AppliedResource {
  readonly kind: ResourceKind;
  readonly organization?: string;
  readonly name: string;
  readonly change: "created" | "changed" | "unchanged";
  /** The resource before the change. */
  readonly before?: Resource;
}
