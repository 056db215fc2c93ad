import type { AppliedResource, Resource } from "@holdfast/core";
import { stringify } from "yaml";
import type { DiffLine } from "./line-diff.ts";
import { lineDiff, withContext } from "./line-diff.ts";

/** What an apply changes in one resource, as lines of YAML with their signs; none when unchanged. */
export function resourceDiff(applied: AppliedResource, wanted: Resource | undefined): DiffLine[] {
  if (applied.change === "unchanged") return [];
  const before = applied.before ? yamlLines(applied.before) : [];
  const after = wanted ? yamlLines(wanted) : [];
  return withContext(lineDiff(before, after));
}

/** Keys in one order on both sides: a change of order alone is no change. */
function yamlLines(resource: Resource): string[] {
  return stringify(resource, { sortMapEntries: true, lineWidth: 0 }).trimEnd().split("\n");
}

/** `Agent demo/greeter`. */
export function appliedTitle(applied: AppliedResource): string {
  const { kind, organization, name } = applied;
  return organization === undefined ? `${kind} ${name}` : `${kind} ${organization}/${name}`;
}
