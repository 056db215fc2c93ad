import { type ErrorDetail, HoldfastError } from "@holdfast/core";
import type { TokenRecord } from "@holdfast/security";

/**
 * What reaches into the node is for administrators to declare: a secret's reference may name any of its
 * variables and files (the admin token's too), and a `stdio` server is any program. Errors: `forbidden`,
 * with every such place.
 */
export function refuseNodeAccess(caller: TokenRecord, declared: unknown): void {
  if (caller.organization === null) return;
  const details = placesIn(declared, "");
  if (details.length === 0) return;
  throw new HoldfastError(
    "forbidden",
    "Only an administrator may declare what uses the node's environment, files or programs.",
    { details },
  );
}

function placesIn(value: unknown, path: string): ErrorDetail[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => placesIn(item, `${path}[${index}]`));
  }
  const { fromEnv, fromFile, type } = value as Record<string, unknown>;
  if (typeof fromEnv === "string" || typeof fromFile === "string") {
    return [{ path, message: "expected no secret of the node" }];
  }
  if (type === "stdio") return [{ path, message: "expected no program of the node" }];
  // Nothing is left out, not even schemas: a header may bear any field's name.
  return Object.entries(value).flatMap(([key, child]) =>
    placesIn(child, path === "" ? key : `${path}.${key}`),
  );
}
