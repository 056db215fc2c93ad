import { HoldfastError } from "@holdfast/core";
import type { AuthorityState } from "@holdfast/security";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { AuthorityControl } from "../authority-control.ts";
import { authority, authorityParams } from "../cluster-schemas.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { adminOf, storePart } from "../store-nodes.ts";

const config = { access: "admin" } as const;
const common = [
  ...errorSets.guarded,
  ...errorSets.engine,
  "forbidden",
  "store_node_required",
  "data_corrupt",
] as const;

/** The change of the certificate authority's key, step by step. */
export function authorityRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get("/api/v1/authority", {
    config,
    schema: {
      operationId: "getAuthority",
      summary: "Where a change of the authority's key is, and which nodes have taken it over",
      response: { 200: authority, ...errorResponses(common) },
    },
    handler: async () => {
      const control = controlOf(context);
      return view(context, control, await control.authority.state());
    },
  });

  app.post("/api/v1/authority/:step", {
    config,
    schema: {
      operationId: "changeAuthority",
      summary: "The next step of a change of key; refused until all living nodes are ready for it",
      description:
        "begin: a new key is trusted; sign: it signs; retire: what does not sign is no longer trusted; " +
        "rollback: the key before signs again.",
      params: authorityParams,
      response: {
        200: authority,
        ...errorResponses([
          ...common,
          "invalid_request",
          "authority_phase",
          "authority_unconfirmed",
          "revision_conflict",
        ]),
      },
    },
    handler: async (request) => {
      const { step } = request.params as z.infer<typeof authorityParams>;
      const control = controlOf(context);
      // A way back must stay open when a node cannot follow; it takes no trust away that is in use.
      if (step !== "rollback") await refuseUnconfirmed(context, control);
      return view(context, control, await control.authority[step]());
    },
  });
}

function controlOf(context: RouteContext): AuthorityControl {
  return storePart(context, context.authorityControl);
}

/** Errors: `authority_unconfirmed`. */
async function refuseUnconfirmed(context: RouteContext, control: AuthorityControl): Promise<void> {
  const { nodes, generation } = await view(context, control, await control.authority.state());
  const waiting = nodes.filter(({ presence, isConfirmed }) => presence === "alive" && !isConfirmed);
  if (waiting.length === 0) return;
  const names = waiting.map(({ node }) => node).join(", ");
  const problem = `The next step waits for ${names}: generation ${generation} is not taken over there yet.`;
  const details = waiting.map((each) => ({
    path: each.node,
    message: each.generation === undefined ? "has said nothing yet" : `is at ${each.generation}`,
  }));
  throw new HoldfastError("authority_unconfirmed", problem, { details, retryAfterMs: 1_000 });
}

async function view(
  context: RouteContext,
  control: AuthorityControl,
  state: AuthorityState,
): Promise<z.infer<typeof authority>> {
  const known = new Map(
    (await control.confirmations()).map(({ node, generation }) => [node, generation]),
  );
  const nodes = adminOf(context)
    .nodes()
    .map(({ node, presence }) => {
      const generation = known.get(node);
      const isConfirmed = generation !== undefined && generation >= state.generation;
      return { node, presence, ...(generation !== undefined && { generation }), isConfirmed };
    });
  return { ...state, bundle: [...state.bundle], nodes };
}
