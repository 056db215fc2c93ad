import {
  agentName,
  HoldfastError,
  organizationName,
  type OwnedKind,
  pluralOf,
  type Resource,
} from "@holdfast/core";
import { z } from "zod";
import type { FastifyInstance } from "fastify";
import { callerOf, shown } from "../access.ts";
import { applyOne } from "../apply-one.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { refuseNodeAccess } from "../node-access.ts";
import { requireDeclaring } from "../store-nodes.ts";
import {
  account,
  accountBody,
  agent,
  agentBody,
  agentParams,
  appliedResource,
  identityLink,
  identityLinkBody,
  organizationParams,
  pageOf,
  pageQuery,
  provider,
  providerBody,
} from "../schemas.ts";
import { notFoundAs, rangeOf, requireOrganization } from "./organizations.ts";

/** What belongs to an organization. */
export function resourceRoutes(app: FastifyInstance, context: RouteContext): void {
  const { resources } = context;
  resourceKindRoutes(app, context, {
    kind: "Agent",
    schema: agent,
    body: agentBody,
    missing: "agent_not_found",
    get: (organization, name) =>
      resources.agent({ organization: organizationName(organization), agent: agentName(name) }),
  });
  resourceKindRoutes(app, context, {
    kind: "Provider",
    schema: provider,
    body: providerBody,
    missing: "not_found",
    get: (organization, name) => resources.provider(organization, name),
  });
  resourceKindRoutes(app, context, {
    kind: "Account",
    schema: account,
    body: accountBody,
    missing: "account_not_found",
    get: (organization, name) => resources.account(organization, name),
  });
  resourceKindRoutes(app, context, {
    kind: "IdentityLink",
    schema: identityLink,
    body: identityLinkBody,
    missing: "not_found",
    get: (organization, name) => resources.identityLink(organization, name),
  });
}

interface KindRoutes {
  readonly kind: OwnedKind;
  readonly schema: z.ZodType;
  readonly body: z.ZodType;
  readonly missing: "agent_not_found" | "account_not_found" | "not_found";
  get(organization: string, name: string): Resource | undefined;
}

interface Named {
  readonly org: string;
  readonly name: string;
}

function resourceKindRoutes(app: FastifyInstance, context: RouteContext, of: KindRoutes): void {
  const { resources } = context;
  const collection = `/api/v1/orgs/:org/${pluralOf[of.kind]}`;
  const config = { access: "organization" } as const;
  const common = [...errorSets.guarded, "invalid_request", "organization_not_found"] as const;
  const missing = (name: string) =>
    new HoldfastError(of.missing, `No ${of.kind.toLowerCase()} ${shown(name)} is found.`);

  app.get(collection, {
    config,
    schema: {
      operationId: `list${of.kind}s`,
      params: organizationParams,
      querystring: pageQuery,
      response: { 200: pageOf(of.schema), ...errorResponses(common) },
    },
    handler: (request) => {
      const { org } = request.params as Named;
      requireOrganization(context, org);
      return resources.list(of.kind, org, rangeOf(request));
    },
  });

  app.get(`${collection}/:name`, {
    config,
    schema: {
      operationId: `get${of.kind}`,
      params: agentParams,
      response: { 200: of.schema, ...errorResponses([...common, of.missing]) },
    },
    handler: (request) => {
      const { org, name } = request.params as Named;
      requireOrganization(context, org);
      const found = of.get(org, name);
      if (!found) throw missing(name);
      return found;
    },
  });

  app.put(`${collection}/:name`, {
    config,
    schema: {
      operationId: `put${of.kind}`,
      summary: `Creates or replaces: ${of.kind}`,
      params: agentParams,
      body: of.body,
      response: {
        200: appliedResource,
        201: appliedResource,
        ...errorResponses([
          ...common,
          ...errorSets.withBody,
          ...errorSets.engine,
          "forbidden",
          "invalid_resource",
          "store_node_required",
        ]),
      },
    },
    handler: async (request, reply) => {
      const { org, name } = request.params as Named;
      requireDeclaring(context);
      requireOrganization(context, org);
      refuseNodeAccess(callerOf(request), request.body);
      const address = { kind: of.kind, organization: org, name };
      const applied = await applyOne(context, request.body as Partial<Resource>, address);
      return reply.code(applied.change === "created" ? 201 : 200).send(applied);
    },
  });

  app.delete(`${collection}/:name`, {
    config,
    schema: {
      operationId: `delete${of.kind}`,
      params: agentParams,
      response: {
        204: z.null().describe("Deleted"),
        ...errorResponses([
          ...common,
          ...errorSets.engine,
          of.missing,
          "resource_in_use",
          "store_node_required",
        ]),
      },
    },
    handler: async (request, reply) => {
      const { org, name } = request.params as Named;
      requireDeclaring(context);
      requireOrganization(context, org);
      try {
        await resources.delete(of.kind, org, name);
      } catch (thrown) {
        throw notFoundAs(thrown, missing(name));
      }
      return reply.code(204).send();
    },
  });
}
