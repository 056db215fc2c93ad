import { HoldfastError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { ListRange, ResourcePage } from "../resource-store.ts";
import type { Resource, ResourceKind } from "../resources.ts";
import type { ResourceIndex } from "./resource-index.ts";
import { parseStored, type ResourceAddress } from "./stored-resource.ts";

/**
 * A page in order of name, or over all organizations in order of organization and name; then `after` and
 * `next` are `organization/name`. A page also ends when it holds `limits.listPageChars` of JSON.
 * Errors: `invalid_request`, and `data_corrupt` or `home_too_new` for a resource that cannot be read.
 */
export function listResources(
  index: ResourceIndex,
  kind: ResourceKind,
  organization: string | undefined,
  { after, limit }: ListRange,
): ResourcePage {
  const isAcross = kind !== "Organization" && organization === undefined;
  const start = startOf(after, isAcross);
  const max = Math.min(checkedLimit(limit), limits.listPageMax);
  const items: Resource[] = [];
  let last: ResourceAddress | undefined;
  let chars = 0;
  for (const { address, entry } of index.walk(kind, organization, start)) {
    if (last === undefined && isAt(address, start) && after !== undefined) continue;
    if (last && (items.length >= max || chars >= limits.listPageChars)) {
      return { items, next: isAcross ? `${last.organization}/${last.name}` : last.name };
    }
    items.push(entry.parsed ?? parseStored(address, entry.text));
    chars += entry.text.length;
    last = address;
  }
  return { items };
}

interface Start {
  readonly organization: string;
  readonly name: string;
}

function isAt({ organization, name }: ResourceAddress, start: Start): boolean {
  if (name !== start.name) return false;
  return start.organization === "" || organization === start.organization;
}

function startOf(after: string | undefined, isAcross: boolean): Start {
  if (after === undefined) return { organization: "", name: "" };
  if (!isAcross) return { organization: "", name: after };
  const [organization, name, ...rest] = after.split("/");
  if (organization && name && rest.length === 0) return { organization, name };
  throw invalid("after", 'expected "organization/name", as the page before gave it');
}

function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1) return limit;
  throw invalid("limit", `expected a whole number from 1 to ${limits.listPageMax}`);
}

function invalid(path: string, message: string): HoldfastError {
  const details = [{ path, message }];
  return new HoldfastError("invalid_request", `The page's ${path} is wrong: ${message}.`, {
    details,
  });
}
