import type { NewToken, TokenRecord } from "@holdfast/security";
import { z } from "zod";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Access } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import {
  createdToken,
  idParams,
  organizationIdParams,
  organizationParams,
  pageOf,
  pageQuery,
  tokenBody,
  tokenInfo,
} from "../schemas.ts";
import { pageOfIds } from "../paging.ts";
import { requireDeclaring } from "../store-nodes.ts";
import { rangeOf, requireOrganization } from "./organizations.ts";

/** The tokens of an organization, and those of the administrators. */
export function tokenRoutes(app: FastifyInstance, context: RouteContext): void {
  tokensAt(app, context, "/api/v1/orgs/:org/tokens", "organization");
  tokensAt(app, context, "/api/v1/tokens", "admin");
}

function tokensAt(app: FastifyInstance, context: RouteContext, path: string, access: Access): void {
  const { tokens } = context;
  const config = { access };
  const ofOrganization = access === "organization";
  const common = [
    ...errorSets.guarded,
    "invalid_request",
    ofOrganization ? "organization_not_found" : "forbidden",
  ] as const;
  const what = ofOrganization ? "OrganizationToken" : "AdminToken";
  const params = ofOrganization ? { params: organizationParams } : {};

  const organizationOf = (request: FastifyRequest): string | null => {
    const { org } = request.params as { org?: string };
    if (org === undefined) return null;
    requireOrganization(context, org);
    return org;
  };

  app.get(path, {
    config,
    schema: {
      operationId: `list${what}s`,
      ...params,
      querystring: pageQuery,
      response: { 200: pageOf(tokenInfo), ...errorResponses(common) },
    },
    handler: (request) => {
      const page = pageOfIds(tokens.list(organizationOf(request)), rangeOf(request));
      return { ...page, items: page.items.map(tokenView) };
    },
  });

  app.post(path, {
    config,
    schema: {
      operationId: `create${what}`,
      summary: "Creates a token; its text is shown this once",
      ...params,
      body: tokenBody,
      response: {
        201: createdToken,
        ...errorResponses([
          ...common,
          ...errorSets.withBody,
          ...errorSets.engine,
          "store_node_required",
        ]),
      },
    },
    handler: async (request, reply) => {
      requireDeclaring(context);
      const spec = request.body as Omit<NewToken, "organization">;
      const created = await tokens.create({ ...spec, organization: organizationOf(request) });
      void reply.code(201).header("cache-control", "no-store");
      return reply.send({ ...tokenView(created.record), token: created.token });
    },
  });

  app.delete(`${path}/:id`, {
    config,
    schema: {
      operationId: `revoke${what}`,
      summary: "Ends a token at once",
      params: ofOrganization ? organizationIdParams : idParams,
      response: {
        204: z.null().describe("Revoked"),
        ...errorResponses([
          ...common,
          ...errorSets.engine,
          "token_not_found",
          "store_node_required",
        ]),
      },
    },
    handler: async (request, reply) => {
      requireDeclaring(context);
      const { id } = request.params as { id: string };
      await tokens.revoke(organizationOf(request), id);
      return reply.code(204).send();
    },
  });
}

function tokenView({ organization, ...rest }: TokenRecord) {
  return organization === null ? rest : { ...rest, organization };
}
