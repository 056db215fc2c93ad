import { HoldfastError } from "@holdfast/core";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import { currentOperation, nodeParams, repairPlan, replaceBody } from "../cluster-schemas.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { endNodeTokens, refuseTokenOf } from "../node-tokens.ts";
import { nodeOf, storePart } from "../store-nodes.ts";

const config = { access: "admin" } as const;
const common = [
  ...errorSets.guarded,
  "forbidden",
  "store_node_required",
  "engine_unavailable",
] as const;

/** Store nodes that are gone for good, and how far the cluster's work on its data is. */
export function repairRoutes(app: FastifyInstance, context: RouteContext): void {
  app.post("/api/v1/nodes/:node/replace", {
    config,
    schema: {
      operationId: "replaceNode",
      summary: "Gives the data of a dead store node to the others, and takes it out",
      params: nodeParams,
      body: replaceBody,
      response: {
        200: repairPlan.describe("What would be done; only for dryRun"),
        202: repairPlan.describe("Begun: see /api/v1/operation"),
        ...errorResponses([
          ...common,
          ...errorSets.withBody,
          "node_not_found",
          "node_alive",
          "no_engine",
          "store_quorum_at_risk",
          "operation_running",
          "token_of_node",
        ]),
      },
    },
    handler: async (request, reply) => {
      const { node } = request.params as z.infer<typeof nodeParams>;
      refuseLiving(context, node);
      const repair = storePart(context, context.storeRepair);
      const plan = await repair.plan(node);
      if ((request.body as z.infer<typeof replaceBody>)?.dryRun) return plan;
      refuseTokenOf([node], request);
      await endNodeTokens(context.tokens, [node]);
      await repair.start(node);
      return reply.code(202).send(plan);
    },
  });

  app.get("/api/v1/operation", {
    config,
    schema: {
      operationId: "getOperation",
      summary: "What the cluster does about its data now, or did last",
      response: { 200: currentOperation, ...errorResponses(common) },
    },
    handler: async () => ({
      operation: (await storePart(context, context.storeRepair).progress()) ?? null,
    }),
  });
}

/** Errors: `node_not_found`, `node_alive`, `no_engine`. */
function refuseLiving(context: RouteContext, name: string): void {
  const { node, engine, presence, silentMs } = nodeOf(context, name);
  if (!engine) {
    throw new HoldfastError("no_engine", `Node ${node} holds none of the cluster's data.`);
  }
  if (presence !== "alive") return;
  const heard = silentMs === undefined ? "" : `, heard of ${Math.round(silentMs)} ms ago`;
  const problem = `Node ${node} lives${heard}. Only what is gone for good is replaced.`;
  throw new HoldfastError("node_alive", problem);
}
