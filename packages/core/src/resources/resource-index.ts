import { type OwnedKind, ownedKinds, type ResourceKind } from "../resources.ts";
import { ParsedCache, type StoredEntry } from "./parsed-cache.ts";
import { SortedNames } from "./sorted-names.ts";
import type { ResourceAddress } from "./stored-resource.ts";

/** How many there are of each kind. */
export type ResourceCounts = Readonly<Record<ResourceKind, number>>;

export interface FoundEntry {
  readonly address: ResourceAddress;
  readonly entry: StoredEntry;
}

/** All resources in memory as text, by name and in order of name. */
export class ResourceIndex {
  readonly cache = new ParsedCache();
  readonly #organizations = new Map<string, OrganizationEntries>();
  /** Names of all that have entries, also of organizations whose own entry has not come yet. */
  readonly #names = new SortedNames();
  readonly #counts = { Organization: 0, Provider: 0, Agent: 0, Account: 0, IdentityLink: 0 };

  get counts(): ResourceCounts {
    return { ...this.#counts };
  }

  organization(name: string): StoredEntry | undefined {
    return this.#organizations.get(name)?.own;
  }

  owned(kind: OwnedKind, organization: string, name: string): StoredEntry | undefined {
    return this.#organizations.get(organization)?.tables[kind].get(name);
  }

  find({ kind, organization, name }: ResourceAddress): StoredEntry | undefined {
    if (kind === "Organization") return this.organization(name);
    return this.owned(kind, organization ?? "", name);
  }

  count(kind: OwnedKind, organization: string): number {
    return this.#organizations.get(organization)?.tables[kind].size ?? 0;
  }

  /** What is older than what stands there changes nothing: changes may come twice. */
  put(address: ResourceAddress, text: string, revision: number): void {
    const known = this.find(address);
    if (known && known.revision >= revision) return;
    if (known) this.cache.forget(known);
    else this.#counts[address.kind] += 1;
    const entry = { text, revision, parsed: undefined, recent: false };
    const entries = this.#entriesOf(address.organization ?? address.name);
    if (address.kind === "Organization") entries.own = entry;
    else entries.tables[address.kind].set(address.name, entry);
  }

  remove(address: ResourceAddress, revision: number): void {
    const known = this.find(address);
    if (!known || known.revision >= revision) return;
    this.cache.forget(known);
    this.#counts[address.kind] -= 1;
    const owner = address.organization ?? address.name;
    const entries = this.#entriesOf(owner);
    if (address.kind === "Organization") entries.own = undefined;
    else entries.tables[address.kind].delete(address.name);
    if (entries.own || ownedKinds.some((kind) => entries.tables[kind].size > 0)) return;
    this.#organizations.delete(owner);
    this.#names.remove(owner);
  }

  /**
   * In order from a name on, itself included: of one organization, or of all (then by organization
   * first, and `start.organization` is the first one). Nothing may change while it is read.
   */
  *walk(
    kind: ResourceKind,
    organization: string | undefined,
    start: { organization: string; name: string },
  ): Generator<FoundEntry> {
    if (kind === "Organization") {
      for (const name of this.#names.from(start.name)) {
        const entry = this.organization(name);
        if (entry) yield { address: { kind, organization: undefined, name }, entry };
      }
      return;
    }
    const owners =
      organization === undefined ? this.#names.from(start.organization) : [organization];
    for (const owner of owners) {
      const table = this.#organizations.get(owner)?.tables[kind];
      if (!table) continue;
      const isFirst = organization !== undefined || owner === start.organization;
      for (const [name, entry] of table.from(isFirst ? start.name : "")) {
        yield { address: { kind, organization: owner, name }, entry };
      }
    }
  }

  /** Puts all names in order now, so that the first reader need not wait for it. */
  settle(): void {
    this.#names.settle();
    for (const { tables } of this.#organizations.values()) {
      for (const kind of ownedKinds) tables[kind].settle();
    }
  }

  #entriesOf(organization: string): OrganizationEntries {
    const known = this.#organizations.get(organization);
    if (known) return known;
    const created: OrganizationEntries = {
      own: undefined,
      tables: {
        Provider: new EntryTable(),
        Agent: new EntryTable(),
        Account: new EntryTable(),
        IdentityLink: new EntryTable(),
      },
    };
    this.#organizations.set(organization, created);
    this.#names.add(organization);
    return created;
  }
}

interface OrganizationEntries {
  own: StoredEntry | undefined;
  readonly tables: Readonly<Record<OwnedKind, EntryTable>>;
}

class EntryTable {
  readonly #entries = new Map<string, StoredEntry>();
  readonly #names = new SortedNames();

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): StoredEntry | undefined {
    return this.#entries.get(name);
  }

  set(name: string, entry: StoredEntry): void {
    if (!this.#entries.has(name)) this.#names.add(name);
    this.#entries.set(name, entry);
  }

  delete(name: string): void {
    if (this.#entries.delete(name)) this.#names.remove(name);
  }

  *from(start: string): Generator<[string, StoredEntry]> {
    for (const name of this.#names.from(start))
      yield [name, this.#entries.get(name) as StoredEntry];
  }

  settle(): void {
    this.#names.settle();
  }
}
