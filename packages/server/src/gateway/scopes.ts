import type { Client, Scope } from "./client.ts";
import { ProtocolError } from "./protocol.ts";

/** A client that asks for fewer rights than its token has gets no more than it asked for. */
export function requireScope({ connect: { scopes } }: Client, scope: Scope): void {
  if (scopes.length === 0 || scopes.includes("operator.admin") || scopes.includes(scope)) return;
  if (scope === "operator.read" && scopes.includes("operator.write")) return;
  throw new ProtocolError({
    code: "FORBIDDEN",
    message: `missing scope: ${scope}`,
    details: { code: "MISSING_SCOPE", missingScope: scope, requiredScopes: [scope] },
  });
}
