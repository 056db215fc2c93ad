import { z } from "zod";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Access } from "../access.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { pageOfIds } from "../paging.ts";
import {
  accepted,
  deadLetter,
  idParams,
  organizationIdParams,
  organizationParams,
  pageOf,
  pageQuery,
} from "../schemas.ts";
import { rangeOf, requireOrganization } from "./organizations.ts";

/** The messages that failed for good, of all organizations or of one. */
export function deadLetterRoutes(app: FastifyInstance, context: RouteContext): void {
  deadLettersAt(app, context, "/api/v1/dead-letters", "admin");
  deadLettersAt(app, context, "/api/v1/orgs/:org/dead-letters", "organization");
}

function deadLettersAt(
  app: FastifyInstance,
  context: RouteContext,
  path: string,
  access: Access,
): void {
  const { conversations } = context;
  const config = { access };
  const ofOrganization = access === "organization";
  const common = [
    ...errorSets.guarded,
    "invalid_request",
    "engine_unavailable",
    ofOrganization ? "organization_not_found" : "forbidden",
  ] as const;
  const what = ofOrganization ? "OrganizationDeadLetter" : "DeadLetter";
  const one = ofOrganization ? organizationIdParams : idParams;

  const organizationOf = (request: FastifyRequest): string | undefined => {
    const { org } = request.params as { org?: string };
    if (org !== undefined) requireOrganization(context, org);
    return org;
  };

  app.get(path, {
    config,
    schema: {
      operationId: `list${what}s`,
      ...(ofOrganization ? { params: organizationParams } : {}),
      querystring: pageQuery,
      response: { 200: pageOf(deadLetter), ...errorResponses(common) },
    },
    handler: async (request) => {
      const letters = await conversations.deadLetters(organizationOf(request));
      return pageOfIds(letters, rangeOf(request));
    },
  });

  app.post(`${path}/:id/replay`, {
    config,
    schema: {
      operationId: `replay${what}`,
      summary: "Submits the message anew",
      params: one,
      response: {
        202: accepted,
        ...errorResponses([...common, ...errorSets.submit, "message_not_found"]),
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params as { id: string };
      return reply.code(202).send(await conversations.replay(organizationOf(request), id));
    },
  });

  app.delete(`${path}/:id`, {
    config,
    schema: {
      operationId: `discard${what}`,
      params: one,
      response: {
        204: z.null().describe("Discarded"),
        ...errorResponses([...common, "message_not_found"]),
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params as { id: string };
      await conversations.discard(organizationOf(request), id);
      return reply.code(204).send();
    },
  });
}
