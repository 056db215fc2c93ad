import type { ApplyOptions } from "@holdfast/core";
import type { FastifyInstance } from "fastify";
import { callerOf } from "../access.ts";
import { endOldTokens } from "../apply-one.ts";
import type { RouteContext } from "../dependencies.ts";
import { refuseNodeAccess } from "../node-access.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { requireDeclaring } from "../store-nodes.ts";
import { applyBody, applyResults } from "../schemas.ts";

interface ApplyBody {
  readonly resources: readonly unknown[];
  readonly dryRun?: boolean;
}

/** All of a set of resources, or none. */
export function applyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.post("/api/v1/apply", {
    config: { access: "any" },
    schema: {
      operationId: "applyResources",
      summary: "Applies all of the resources or none; one detail for each fault",
      body: applyBody,
      response: {
        200: applyResults,
        ...errorResponses([
          ...errorSets.guarded,
          ...errorSets.withBody,
          ...errorSets.engine,
          "forbidden",
          "invalid_resource",
          "revision_conflict",
          "store_node_required",
        ]),
      },
    },
    handler: async (request) => {
      const { resources: declared, dryRun } = request.body as ApplyBody;
      if (!dryRun) requireDeclaring(context);
      const caller = callerOf(request);
      refuseNodeAccess(caller, { resources: declared });
      const own = caller.organization;
      const options: ApplyOptions = {
        ...(dryRun === undefined ? {} : { dryRun }),
        ...(own === null ? {} : { organization: own }),
      };
      if (own === null && !dryRun) {
        // Only once the whole set is known to be right.
        await context.resources.apply(declared, { ...options, dryRun: true });
        await endOldTokens(context, organizationNames(declared));
      }
      return { results: await context.resources.apply(declared, options) };
    },
  });
}

function organizationNames(declared: readonly unknown[]): string[] {
  return declared.flatMap((resource) => {
    const { kind, name } = resource as { kind?: unknown; name?: unknown };
    return kind === "Organization" && typeof name === "string" ? [name] : [];
  });
}
