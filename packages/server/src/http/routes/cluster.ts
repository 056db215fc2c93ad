import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import {
  changedState,
  node,
  nodeParams,
  nodeView,
  partition,
  removeQuery,
} from "../cluster-schemas.ts";
import type { RouteContext } from "../dependencies.ts";
import { errorResponses, errorSets } from "../error-schemas.ts";
import { endNodeTokens, refuseTokenOf } from "../node-tokens.ts";
import { adminOf, nodeOf } from "../store-nodes.ts";

const config = { access: "admin" } as const;
const reading = [...errorSets.guarded, "forbidden"] as const;
const changing = [
  ...reading,
  "invalid_request",
  "node_not_found",
  "store_node_required",
  "revision_conflict",
  ...errorSets.engine,
] as const;

/** Nodes and partitions, and what operators do to nodes. */
export function clusterRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get("/api/v1/nodes", {
    config,
    schema: {
      operationId: "listNodes",
      summary: "Every node that joined and was not removed, as this node sees them",
      response: { 200: z.object({ items: z.array(node) }), ...errorResponses(reading) },
    },
    handler: () => {
      const admin = adminOf(context);
      const partitions = admin.partitions();
      return { items: admin.nodes().map((status) => nodeView(status, partitions)) };
    },
  });

  app.get("/api/v1/nodes/:node", {
    config,
    schema: {
      operationId: "getNode",
      params: nodeParams,
      response: {
        200: node,
        ...errorResponses([...reading, "invalid_request", "node_not_found"]),
      },
    },
    handler: (request) => nodeView(nodeOf(context, nameOf(request)), adminOf(context).partitions()),
  });

  app.get("/api/v1/partitions", {
    config,
    schema: {
      operationId: "listPartitions",
      summary: "Who owns which partition, and how it fares",
      response: { 200: z.object({ items: z.array(partition) }), ...errorResponses(reading) },
    },
    handler: () => ({ items: adminOf(context).partitions() }),
  });

  nodeStateRoutes(app, context);
}

function nodeStateRoutes(app: FastifyInstance, context: RouteContext): void {
  app.post("/api/v1/nodes/:node/drain", {
    config,
    schema: {
      operationId: "drainNode",
      summary: "The node's partitions move to others; it stays a member without work",
      params: nodeParams,
      response: { 202: changedState, ...errorResponses([...changing, "last_node"]) },
    },
    handler: async (request, reply) => {
      const name = nameOf(request);
      await adminOf(context).drain(name);
      return reply.code(202).send({ node: name, state: "draining" });
    },
  });

  app.post("/api/v1/nodes/:node/activate", {
    config,
    schema: {
      operationId: "activateNode",
      summary: "Ends a drain: the node gets partitions again",
      params: nodeParams,
      response: { 202: changedState, ...errorResponses(changing) },
    },
    handler: async (request, reply) => {
      const name = nameOf(request);
      await adminOf(context).activate(name);
      return reply.code(202).send({ node: name, state: "active" });
    },
  });

  app.delete("/api/v1/nodes", {
    config,
    schema: {
      operationId: "removeNodes",
      summary: "Takes nodes out for good: their certificates are refused from then on",
      querystring: removeQuery,
      response: {
        204: z.null().describe("Removed"),
        ...errorResponses([
          ...changing,
          "last_node",
          "node_alive",
          "store_quorum_at_risk",
          "token_of_node",
        ]),
      },
    },
    handler: async (request, reply) => {
      const query = request.query as z.infer<typeof removeQuery>;
      const names = [...new Set([query.node].flat())];
      refuseTokenOf(names, request);
      const repair = context.storeRepair;
      const admin = adminOf(context);
      await admin.remove(names, {
        force: query.force === "true",
        // The engine may elect for a moment once a store node is out.
        prepare: () => endNodeTokens(context.tokens, names),
        ...(repair && { inEngine: () => repair.inEngine(admin.nodes().map(({ node }) => node)) }),
      });
      return reply.code(204).send();
    },
  });
}

function nameOf(request: FastifyRequest): string {
  return (request.params as z.infer<typeof nodeParams>).node;
}
