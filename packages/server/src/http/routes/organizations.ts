import { HoldfastError, type Resource } from "@holdfast/core";
import { z } from "zod";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { callerOf, organizationNotFound } from "../access.ts";
import { applyOne, endOldTokens } from "../apply-one.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { requireDeclaring } from "../store-nodes.ts";
import {
  appliedResource,
  organization,
  organizationBody,
  organizationParams,
  pageOf,
  pageQuery,
} from "../schemas.ts";

export function organizationRoutes(app: FastifyInstance, context: RouteContext): void {
  const { resources, tokens } = context;

  app.get("/api/v1/orgs", {
    config: { access: "any" },
    schema: {
      operationId: "listOrganizations",
      summary: "The organizations that the token reaches",
      querystring: pageQuery,
      response: {
        200: pageOf(organization),
        ...errorResponses([...errorSets.guarded, "invalid_request"]),
      },
    },
    handler: (request) => {
      const own = callerOf(request).organization;
      if (own === null) return resources.list("Organization", undefined, rangeOf(request));
      const found = resources.organization(own);
      return { items: found ? [found] : [] };
    },
  });

  app.get("/api/v1/orgs/:org", {
    config: { access: "organization" },
    schema: {
      operationId: "getOrganization",
      params: organizationParams,
      response: {
        200: organization,
        ...errorResponses([...errorSets.guarded, "invalid_request", "organization_not_found"]),
      },
    },
    handler: (request) => {
      const { org } = request.params as { org: string };
      const found = resources.organization(org);
      if (!found) throw organizationNotFound(org);
      return found;
    },
  });

  app.put("/api/v1/orgs/:org", {
    config: { access: "admin" },
    schema: {
      operationId: "putOrganization",
      summary: "Creates or replaces an organization",
      params: organizationParams,
      body: organizationBody,
      response: {
        200: appliedResource,
        201: appliedResource,
        ...errorResponses([
          ...errorSets.guarded,
          ...errorSets.withBody,
          ...errorSets.engine,
          "forbidden",
          "invalid_resource",
          "store_node_required",
        ]),
      },
    },
    handler: async (request, reply) => {
      const { org } = request.params as { org: string };
      requireDeclaring(context);
      await endOldTokens(context, [org]);
      const applied = await applyOne(context, request.body as Partial<Resource>, {
        kind: "Organization",
        name: org,
      });
      return reply.code(applied.change === "created" ? 201 : 200).send(applied);
    },
  });

  app.delete("/api/v1/orgs/:org", {
    config: { access: "admin" },
    schema: {
      operationId: "deleteOrganization",
      summary: "Deletes an empty organization and ends its tokens",
      params: organizationParams,
      response: {
        204: z.null().describe("Deleted"),
        ...errorResponses([
          ...errorSets.guarded,
          ...errorSets.engine,
          "forbidden",
          "invalid_request",
          "organization_not_found",
          "resource_in_use",
          "store_node_required",
        ]),
      },
    },
    handler: async (request, reply) => {
      const { org } = request.params as { org: string };
      requireDeclaring(context);
      if (!resources.organization(org)) throw organizationNotFound(org);
      await resources.delete("Organization", undefined, org);
      await tokens.revokeAll(org);
      return reply.code(204).send();
    },
  });
}

/** The range of a checked page query. */
export function rangeOf(request: FastifyRequest): { after?: string; limit: number } {
  return request.query as { after?: string; limit: number };
}

/** Errors: `organization_not_found`. */
export function requireOrganization({ resources }: RouteContext, name: string): void {
  if (!resources.organization(name)) throw organizationNotFound(name);
}

/** What the store says of a missing resource, in the words of the kind. */
export function notFoundAs(thrown: unknown, error: HoldfastError): unknown {
  return thrown instanceof HoldfastError && thrown.code === "not_found" ? error : thrown;
}
