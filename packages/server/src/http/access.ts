import { HoldfastError, invariant } from "@holdfast/core";
import type { Clock } from "@holdfast/core";
import type { TokenRecord, Tokens } from "@holdfast/security";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { RateLimits } from "./rate-limits.ts";

/**
 * Who may use a route. `organization`: tokens of the organization in the address, and administrators.
 * `any`: every valid token; the handler narrows what it sees.
 */
export type Access = "public" | "any" | "organization" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Who asks; null before the token was checked and on public routes. */
    caller: TokenRecord | null;
  }
}

/** Checks every request's token, and at start that every route says who may use it. */
export function guardRoutes(app: FastifyInstance, tokens: Tokens, clock: Clock): void {
  const rateLimits = new RateLimits(clock);
  app.decorateRequest("caller", null);

  app.addHook("onRoute", (route) => {
    const access = route.config?.access;
    invariant(access, `route ${String(route.method)} ${route.url} declares no access`);
    const named = route.url.includes("/orgs/:org");
    invariant(access !== "organization" || named, `route ${route.url} names no organization`);
  });

  app.addHook("onRequest", (request, reply, done) => {
    const access = request.routeOptions.config.access;
    if (access === undefined || access === "public") return done();
    try {
      const caller = authenticate(tokens, request.headers.authorization);
      request.caller = caller;
      rateLimits.take(caller);
      authorize(access, caller, request);
    } catch (thrown) {
      if (thrown instanceof HoldfastError && thrown.code === "unauthenticated") {
        void reply.header("www-authenticate", "Bearer");
      }
      return done(thrown as Error);
    }
    done();
  });
}

/** The caller of a route that is not public. */
export function callerOf(request: FastifyRequest): TokenRecord {
  invariant(request.caller, "a route behind a token has a caller");
  return request.caller;
}

/** The same words whether the organization is absent or another's. */
export function organizationNotFound(name: string): HoldfastError {
  return new HoldfastError("organization_not_found", `No organization ${shown(name)} is found.`);
}

export function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function authenticate(tokens: Tokens, header: string | undefined): TokenRecord {
  if (header === undefined) {
    throw new HoldfastError("unauthenticated", "The request has no bearer token.");
  }
  // The scheme's case is free (RFC 9110, section 11.1).
  const token = /^bearer +(\S+) *$/i.exec(header)?.[1];
  const record = token === undefined ? undefined : tokens.find(token);
  if (!record) {
    throw new HoldfastError(
      "unauthenticated",
      "The bearer token is malformed, unknown or revoked.",
    );
  }
  return record;
}

function authorize(access: Access, caller: TokenRecord, request: FastifyRequest): void {
  if (caller.organization === null || access === "any") return;
  if (access === "admin") {
    throw new HoldfastError("forbidden", "This address is for administrators.");
  }
  const { org } = request.params as { org: string };
  if (org !== caller.organization) throw organizationNotFound(org);
}
