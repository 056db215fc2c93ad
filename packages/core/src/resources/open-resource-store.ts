import { HoldfastError } from "../errors.ts";
import type { AgentRef } from "../ids.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyValue } from "../ports/key-value.ts";
import type {
  AppliedResource,
  ApplyOptions,
  ListRange,
  ResourcePage,
  ResourceStore,
} from "../resource-store.ts";
import type {
  Account,
  Agent,
  IdentityLink,
  Organization,
  Provider,
  ResourceKind,
} from "../resources.ts";
import { planChanges, writeChanges } from "./apply-resources.ts";
import { deleteResource } from "./delete-resource.ts";
import { listResources } from "./list-resources.ts";
import { LiveIndex } from "./live-index.ts";
import { type AccountFaults, checkResources, throwFaults } from "./resource-check.ts";
import type { ResourceCounts } from "./resource-index.ts";

export interface OpenResourceStore extends ResourceStore {
  readonly counts: ResourceCounts;
  /** Ends the watch. What is in memory can still be read, and grows old; writes are `not_ready`. */
  close(): Promise<void>;
}

export interface ResourceStoreDependencies {
  readonly keyValue: KeyValue;
  readonly clock: Clock;
  /** False: this node only reads, and the engine refuses its writes. */
  readonly mayWrite?: boolean;
  /** What is wrong with an account's channel and settings; paths begin at the account. */
  readonly accountFaults?: AccountFaults;
}

/**
 * The declared resources of the bucket `resourceBucket`, all of them in memory; resolves when they are.
 *
 * `apply` finds every fault of a set before it writes any of it. The engine has no transaction over
 * several keys, so the writing itself is made of one compare-and-set a resource: organizations, then
 * providers, then agents, then what refers to agents. If one fails, those before it are taken back; meanwhile other nodes may see them,
 * and what cannot be taken back (somebody changed it, the engine is away) is named in the error, which then
 * is `append_outcome_unknown`. A node that dies in between leaves a part written; applying the same set again
 * completes it. When `apply` or `delete` resolves, this node's reads show its effect; others follow.
 *
 * Errors at the opening: those of the engine; `home_too_new` and `data_corrupt` for what is stored. A
 * resource that becomes unreadable later throws them when it is read; it can be replaced or deleted.
 */
export async function openResourceStore({
  keyValue,
  clock,
  mayWrite,
  accountFaults = () => [],
}: ResourceStoreDependencies): Promise<OpenResourceStore> {
  const live = new LiveIndex(keyValue, clock, mayWrite);
  await live.open();
  return new KeyValueResourceStore(keyValue, live, accountFaults);
}

class KeyValueResourceStore implements OpenResourceStore {
  readonly #keyValue: KeyValue;
  readonly #live: LiveIndex;
  readonly #accountFaults: AccountFaults;
  #appliesInFlight = 0;
  #isClosed = false;

  constructor(keyValue: KeyValue, live: LiveIndex, accountFaults: AccountFaults) {
    this.#keyValue = keyValue;
    this.#live = live;
    this.#accountFaults = accountFaults;
  }

  get counts(): ResourceCounts {
    return this.#live.index.counts;
  }

  organization(name: string): Organization | undefined {
    const { index } = this.#live;
    const entry = index.organization(name);
    return entry && (index.cache.read(entry, "Organization", undefined, name) as Organization);
  }

  agent({ organization, agent: name }: AgentRef): Agent | undefined {
    const { index } = this.#live;
    const entry = index.owned("Agent", organization, name);
    return entry && (index.cache.read(entry, "Agent", organization, name) as Agent);
  }

  provider(organization: string, name: string): Provider | undefined {
    const { index } = this.#live;
    const entry = index.owned("Provider", organization, name);
    return entry && (index.cache.read(entry, "Provider", organization, name) as Provider);
  }

  account(organization: string, name: string): Account | undefined {
    const { index } = this.#live;
    const entry = index.owned("Account", organization, name);
    return entry && (index.cache.read(entry, "Account", organization, name) as Account);
  }

  identityLink(organization: string, name: string): IdentityLink | undefined {
    const { index } = this.#live;
    const entry = index.owned("IdentityLink", organization, name);
    return entry && (index.cache.read(entry, "IdentityLink", organization, name) as IdentityLink);
  }

  onChange(...[kind, listen]: Parameters<ResourceStore["onChange"]>): () => void {
    return this.#live.onChange(kind, listen);
  }

  list(kind: ResourceKind, organization: string | undefined, range: ListRange): ResourcePage {
    return listResources(this.#live.index, kind, organization, range);
  }

  async apply(
    resources: readonly unknown[],
    options: ApplyOptions,
  ): Promise<readonly AppliedResource[]> {
    this.#checkOpen();
    if (this.#appliesInFlight >= limits.resourceAppliesInFlight) {
      const message = `${limits.resourceAppliesInFlight} sets of resources are being applied by this node.`;
      throw new HoldfastError("node_busy", message, { retryAfterMs: 1_000 });
    }
    this.#appliesInFlight += 1;
    try {
      return await this.#apply(resources, options);
    } finally {
      this.#appliesInFlight -= 1;
    }
  }

  async delete(kind: ResourceKind, organization: string | undefined, name: string): Promise<void> {
    this.#checkOpen();
    const address =
      kind === "Organization"
        ? { kind, organization: undefined, name }
        : { kind, organization, name };
    await deleteResource(this.#keyValue, this.#live, address);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#live.close();
  }

  async #apply(resources: readonly unknown[], options: ApplyOptions) {
    const { index } = this.#live;
    const check = () => checkResources(resources, options, index, this.#accountFaults);
    const first = check();
    if (first.missing.size > 0 && first.forbidden.length === 0) {
      // Another node may have made them a moment ago.
      await this.#live.refresh(first.missing.values());
    }
    const result = first.missing.size > 0 ? check() : first;
    throwFaults(result);
    const plan = planChanges(result.checked, index);
    if (!options.dryRun) await writeChanges(this.#keyValue, this.#live, plan);
    return plan.map(({ applied }) => applied);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new HoldfastError("not_ready", "The resources are closed.");
  }
}
