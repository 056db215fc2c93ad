import {
  type AppliedResource,
  type ErrorDetail,
  HoldfastError,
  type OwnedKind,
  type Resource,
} from "@holdfast/core";
import type { RouteContext } from "./dependencies.ts";
import { invalidRequest } from "./validation.ts";

/** What a resource's address says of it. */
export type Address =
  | { readonly kind: "Organization"; readonly name: string }
  | { readonly kind: OwnedKind; readonly organization: string; readonly name: string };

/** Applies the resource of an address; the paths of faults begin at the body. */
export async function applyOne(
  { resources }: RouteContext,
  body: Partial<Resource>,
  address: Address,
): Promise<AppliedResource> {
  const details = Object.entries(address).flatMap(([field, expected]): ErrorDetail[] => {
    const given = (body as Record<string, unknown>)[field];
    if (given === undefined || given === expected) return [];
    return [{ path: field, message: `expected ${JSON.stringify(expected)}, as in the address` }];
  });
  if (details.length > 0) throw invalidRequest("The body", details);
  try {
    const [applied] = await resources.apply([{ ...body, ...address }], {});
    if (!applied) throw new HoldfastError("internal", "The store applied nothing.");
    return applied;
  } catch (thrown) {
    throw withoutIndex(thrown);
  }
}

/** A name that is used again must not open to the tokens of the organization that had it before. */
export async function endOldTokens(
  { resources, tokens }: RouteContext,
  organizations: readonly string[],
): Promise<void> {
  for (const name of organizations) {
    if (!resources.organization(name)) await tokens.revokeAll(name);
  }
}

function withoutIndex(thrown: unknown): unknown {
  if (!(thrown instanceof HoldfastError) || thrown.details.length === 0) return thrown;
  const details = thrown.details.map((detail) => ({
    ...detail,
    path: detail.path.replace(/^resources\[0\]\.?/, ""),
  }));
  return new HoldfastError(thrown.code, thrown.message, { details, cause: thrown });
}
