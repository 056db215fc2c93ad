import { type ClusterAdmin, HoldfastError, type NodeStatus } from "@holdfast/core";
import type { RouteContext } from "./dependencies.ts";

/** What operators see and change. Errors: `not_ready` where there is no cluster. */
export function adminOf({ clusterAdmin }: RouteContext): ClusterAdmin {
  if (clusterAdmin) return clusterAdmin;
  throw new HoldfastError("not_ready", "This node is not part of a cluster yet.");
}

/** Errors: `node_not_found`, `not_ready`. */
export function nodeOf(context: RouteContext, name: string): NodeStatus {
  const found = adminOf(context)
    .nodes()
    .find(({ node }) => node === name);
  if (found) return found;
  throw new HoldfastError("node_not_found", `There is no node ${JSON.stringify(name)}.`);
}

/**
 * `part` of a store node. Elsewhere clients are told where to ask. Errors: `store_node_required`,
 * `not_ready`.
 */
export function storePart<Part>(context: RouteContext, part: Part | undefined): Part {
  if (part !== undefined) return part;
  throw storeNodeRequired(context);
}

/** Where resources and tokens are only read. Errors: `store_node_required`. */
export function requireDeclaring(context: RouteContext): void {
  if (context.mayDeclare === false) throw storeNodeRequired(context);
}

function storeNodeRequired(context: RouteContext): HoldfastError {
  const stores = adminOf(context)
    .nodes()
    .filter(({ role }) => role === "store");
  const details = stores.map(({ url }) => ({ path: "url", message: url }));
  return new HoldfastError("store_node_required", "Only store nodes can do that.", { details });
}
